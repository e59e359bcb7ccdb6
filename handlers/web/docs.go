package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/edge/openapi"
)

//go:embed docs
var docsFiles embed.FS

var docsPage = template.Must(template.New("docs.html").Funcs(template.FuncMap{"prose": prose}).ParseFS(docsFiles, "docs/docs.html"))

// docsRoutes declares the HTTP contract for people: /docs, made from the same declarations as
// /openapi.json. It is one page without a script, so that the browser's own search
// finds everything.
func docsRoutes() []edge.Route {
	var (
		once sync.Once
		body []byte
		err  error
	)
	return []edge.Route{
		page("/docs", "docsPage", func(r *edge.Request) error {
			// The description is complete only when every module has declared its routes.
			once.Do(func() { body, err = renderDocs(r.Description()) })
			if err != nil {
				return err
			}
			r.Header("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
			r.Header("Cache-Control", "public, max-age=300")
			r.Data(http.StatusOK, "text/html; charset=utf-8", body)
			return nil
		}),
		page("/docs.css", "docsStyle", asset(docsFiles, "docs/docs.css", 5*time.Minute)),
	}
}

func renderDocs(description *openapi.Document) ([]byte, error) {
	var body bytes.Buffer
	if err := docsPage.Execute(&body, reference(description)); err != nil {
		return nil, fmt.Errorf("render the reference: %w", err)
	}
	return body.Bytes(), nil
}
