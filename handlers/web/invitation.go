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

// invitationRoutes declares the page that the mail of an invitation links to: there the
// invited user, signed in, accepts or declines. The page reads nothing from the database,
// so it reveals nothing about organizations.
func invitationRoutes() []edge.Route {
	return []edge.Route{
		page("/invitations/:id", "invitationPage", showInvitation, edge.TextParam("id", 0)),
		page("/invitation.js", "invitationScript", asset(invitationFiles, "invitation/invitation.js", time.Hour)),
	}
}

func showInvitation(r *edge.Request) error {
	organizationID := r.Text("id")
	if !isCanonical(organizationID) {
		r.AbortWithStatus(http.StatusNotFound)
		return nil
	}
	r.Header("Content-Security-Policy", scriptPolicy)
	return render(r, invitationPage, organizationID)
}

// isCanonical reports whether an id is a UUID in its canonical form.
func isCanonical(id string) bool {
	parsed, err := uuid.Parse(id)
	return err == nil && parsed.String() == id
}
