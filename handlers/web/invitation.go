package web

import (
	"embed"
	"html/template"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/edge"
)

//go:embed invitation
var invitationFiles embed.FS

var invitationPage = template.Must(template.ParseFS(invitationFiles, "invitation/invitation.html"))

// invitationRoutes declares where the link in an invitation's mail leads: a page on which the
// invited user, signed in, accepts or declines. It looks nothing up, so that whoever
// guesses an address learns nothing from it.
func invitationRoutes() []edge.Route {
	return []edge.Route{
		page("/invitations/:id", "invitationPage", showInvitation, edge.TextParam("id", 0)),
		page("/invitation.js", "invitationScript", asset(invitationFiles, "invitation/invitation.js", time.Hour)),
	}
}

func showInvitation(r *edge.Request) error {
	id, err := uuid.Parse(r.Text("id"))
	if err != nil || id.String() != r.Text("id") {
		r.AbortWithStatus(http.StatusNotFound)
		return nil
	}
	r.Header("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	return render(r, invitationPage, id.String())
}
