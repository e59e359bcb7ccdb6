package web

import (
	"embed"
	"time"

	"github.com/codex-platform/codex/handlers/edge"
)

//go:embed reset
var resetFiles embed.FS

// resetRoutes declares the page that the mail of a password reset links to when the request
// named no other: a form for the new password. The page is the same for every request. Its
// script reads the token and removes it from the address; the server does not read it.
func resetRoutes() []edge.Route {
	form := asset(resetFiles, "reset/reset.html", 0)
	return []edge.Route{
		page("/reset-password", "resetPasswordPage", func(r *edge.Request) error {
			r.Header("Content-Security-Policy", scriptPolicy)
			r.Header("Referrer-Policy", "no-referrer") // the address holds the token
			return form(r)
		}),
		page("/reset-password.js", "resetPasswordScript", asset(resetFiles, "reset/reset.js", time.Hour)),
	}
}
