package view

import "strings"

// AssetsURL returns where clients find the bucket of assets: below the address of a CDN or,
// without one, at the platform itself. It has no slash at the end.
func AssetsURL(cdn, publicURL string) string {
	if cdn != "" {
		return strings.TrimSuffix(cdn, "/")
	}
	return publicURL + "/assets"
}
