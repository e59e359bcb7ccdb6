package web

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/edge"
)

//go:embed invitation
var invitationFiles embed.FS

var invitationPage = template.Must(template.ParseFS(invitationFiles, "invitation/invitation.html"))

// Invitations is where the link in an invitation's mail leads: a page on which the
// invited user, signed in, accepts or declines. It looks nothing up, so that whoever
// guesses an address learns nothing from it.
type Invitations struct{}

// Register implements edge.Pages.
func (i Invitations) Register(_ *edge.Edge, r gin.IRouter) {
	r.GET("/invitations/:id", i.page)
	r.GET("/invitation.js", func(c *gin.Context) {
		c.Header("Cache-Control", "public, max-age=3600")
		c.FileFromFS("invitation/invitation.js", http.FS(invitationFiles))
	})
}

func (Invitations) page(c *gin.Context) {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil || id.String() != c.Param("id") {
		c.AbortWithStatus(http.StatusNotFound)
		return
	}
	var body bytes.Buffer
	if err := invitationPage.Execute(&body, id.String()); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Header("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	c.Data(http.StatusOK, "text/html; charset=utf-8", body.Bytes())
}
