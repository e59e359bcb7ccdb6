package web

import (
	"embed"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/handlers/edge"
)

//go:embed reset
var resetFiles embed.FS

// ResetPassword is where the link in a reset's mail leads when it names no other page: a
// form for another password. The page is the same for everybody. Its script takes the
// token out of the address before anything else; the server neither looks at it nor
// writes it into the page.
type ResetPassword struct{}

// Register implements edge.Pages.
func (ResetPassword) Register(_ *edge.Edge, r gin.IRouter) {
	r.GET("/reset-password", func(c *gin.Context) {
		body, err := resetFiles.ReadFile("reset/reset.html")
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		// Without the script the form must go nowhere: the policy lets it send nothing.
		c.Header("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		c.Header("Referrer-Policy", "no-referrer") // the address holds the token
		c.Data(http.StatusOK, "text/html; charset=utf-8", body)
	})
	r.GET("/reset-password.js", func(c *gin.Context) {
		c.Header("Cache-Control", "public, max-age=3600")
		c.FileFromFS("reset/reset.js", http.FS(resetFiles))
	})
}
