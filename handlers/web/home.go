package web

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/handlers/edge"
)

//go:embed home
var homeFiles embed.FS

var homePage = template.Must(template.ParseFS(homeFiles, "home/home.html"))

// Home is what a browser finds at the platform's own address: where links in mails
// lead to when they name no other place, and, in development, where to look next.
type Home struct {
	// Development shows the places that exist in development only.
	Development bool
	// Payments is the address of the payments sandbox; empty without one.
	Payments string
}

// Register implements edge.Pages.
func (h Home) Register(_ *edge.Edge, r gin.IRouter) {
	r.GET("/", h.page)
	r.GET("/home.css", style)
}

func (h Home) page(c *gin.Context) {
	var body bytes.Buffer
	if err := homePage.Execute(&body, h); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	c.Data(http.StatusOK, "text/html; charset=utf-8", body.Bytes())
}

func style(c *gin.Context) {
	body, err := homeFiles.ReadFile("home/home.css")
	if err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Header("Cache-Control", "public, max-age=3600")
	c.Data(http.StatusOK, "text/css; charset=utf-8", body)
}
