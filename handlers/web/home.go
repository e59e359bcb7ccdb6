package web

import (
	"embed"
	"html/template"
	"time"

	"github.com/codex-platform/codex/handlers/edge"
)

//go:embed home
var homeFiles embed.FS

var homePage = template.Must(template.ParseFS(homeFiles, "home/home.html"))

// home is the page at /: where verification links redirect to when they name no other
// address and, in development, the list of the pages for developers.
type home struct {
	// Development lists the pages that exist in development only.
	Development bool
	// Payments is the address of the payments sandbox; empty without one.
	Payments string
}

// routes declares the page and its style sheet.
func (h home) routes() []edge.Route {
	return []edge.Route{
		page("/", "homePage", h.page),
		page("/home.css", "homeStyle", asset(homeFiles, "home/home.css", time.Hour)),
	}
}

func (h home) page(r *edge.Request) error {
	r.Header("Content-Security-Policy", staticPolicy)
	return render(r, homePage, h)
}
