// Package view holds the representations that more than one activity shows. Each of the
// others stands in the view.go of its activity.
//
// Representations are allow-lists: a field that is not named there is never shown.
package view

// Availability says whether a slug is free.
type Availability struct {
	Available bool `json:"available"`
}
