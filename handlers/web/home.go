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

// home is what a browser finds at the platform's own address: where links in mails
// lead to when they name no other place, and, in development, where to look next.
type home struct {
	// Development shows the places that exist in development only.
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
	r.Header("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	return render(r, homePage, h)
}
