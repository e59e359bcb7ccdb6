package web

import (
	"embed"
	"time"

	"github.com/codex-platform/codex/handlers/edge"
)

//go:embed reset
var resetFiles embed.FS

// resetRoutes declares where the link in a reset's mail leads when it names no other page: a
// form for another password. The page is the same for everybody. Its script takes the
// token out of the address before anything else; the server neither looks at it nor
// writes it into the page.
func resetRoutes() []edge.Route {
	form := asset(resetFiles, "reset/reset.html", 0)
	return []edge.Route{
		page("/reset-password", "resetPasswordPage", func(r *edge.Request) error {
			// Without the script the form must go nowhere: the policy lets it send nothing.
			r.Header("Content-Security-Policy",
				"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
			r.Header("Referrer-Policy", "no-referrer") // the address holds the token
			return form(r)
		}),
		page("/reset-password.js", "resetPasswordScript", asset(resetFiles, "reset/reset.js", time.Hour)),
	}
}
