package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/handlers/edge"
)

//go:embed docs
var docsFiles embed.FS

var docsPage = template.Must(template.New("docs.html").Funcs(template.FuncMap{"prose": prose}).ParseFS(docsFiles, "docs/docs.html"))

// Docs is the HTTP contract for people: /docs, made from the same declarations as
// /openapi.json. It is one page without a script, so that the browser's own search
// finds everything.
type Docs struct{}

// Register implements edge.Pages.
func (Docs) Register(e *edge.Edge, r gin.IRouter) {
	// The routes are complete only when every part has declared its own.
	page := sync.OnceValues(func() ([]byte, error) {
		var body bytes.Buffer
		if err := docsPage.Execute(&body, reference(e.Description())); err != nil {
			return nil, fmt.Errorf("render the reference: %w", err)
		}
		return body.Bytes(), nil
	})
	r.GET("/docs", func(c *gin.Context) {
		body, err := page()
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		c.Header("Cache-Control", "public, max-age=300")
		c.Data(http.StatusOK, "text/html; charset=utf-8", body)
	})
	r.GET("/docs.css", func(c *gin.Context) {
		body, err := docsFiles.ReadFile("docs/docs.css")
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.Header("Cache-Control", "public, max-age=300")
		c.Data(http.StatusOK, "text/css; charset=utf-8", body)
	})
}
