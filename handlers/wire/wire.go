// Package wire is the JSON that clients see: the envelopes and the representations of
// resources. Both sides of a change use it, the consumer
// that answers a command and the edge that answers a read, so that the same
// resource looks the same wherever it comes from.
//
// Representations are allow-lists: a field that is not named here is never shown.
package wire

import "github.com/codex-platform/codex/handlers/paging"

// Single is the envelope of one resource: {"data": …}.
type Single struct {
	Data any `json:"data"`
}

// List is the envelope of many: {"items": […], "pagination": {…}}.
type List[T any] struct {
	Items      []T        `json:"items"`
	Pagination Pagination `json:"pagination"`
}

// Pagination says where in the whole a list is.
type Pagination struct {
	Page       int   `json:"page"`
	Limit      int   `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
	// NextCursor is the parameter cursor of the next page; null when there is none.
	NextCursor *string `json:"nextCursor"`
}

// Page returns one page as a list. A nil slice becomes an empty array.
func Page[T any](items []T, page, limit int, total int64) List[T] {
	if items == nil {
		items = []T{}
	}
	return List[T]{Items: items, Pagination: Pagination{
		Page: page, Limit: limit, Total: total, TotalPages: (total + int64(limit) - 1) / int64(limit),
	}}
}

// PageOf returns a page that was found as a list.
func PageOf[T any](items []T, found paging.Found) List[T] {
	list := Page(items, found.Number, found.Limit, found.Total)
	list.Pagination.NextCursor = found.Next
	return list
}

// Availability says whether a slug is free.
type Availability struct {
	Available bool `json:"available"`
}
