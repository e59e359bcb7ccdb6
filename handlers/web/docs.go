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

var (
	referencePage = docsTemplate("reference.html")
	errorsPage    = docsTemplate("errors.html")
)

func docsTemplate(name string) *template.Template {
	functions := template.FuncMap{"prose": prose}
	return template.Must(template.New(name).Funcs(functions).ParseFS(docsFiles, "docs/shared.html", "docs/"+name))
}

// docsRoutes declares the HTTP contract for people: the reference at /docs and the error
// catalogue at /docs/errors, made from the same declarations as /openapi.json. Each is one
// page without a script, so that the browser's own search finds everything.
func docsRoutes() []edge.Route {
	return []edge.Route{
		page("/docs", "docsPage", described(func(d *openapi.Document) ([]byte, error) {
			return renderDocs(referencePage, reference(d))
		})),
		page("/docs/errors", "errorsPage", described(func(d *openapi.Document) ([]byte, error) {
			return renderDocs(errorsPage, errorCatalogue(d))
		})),
		page("/docs.css", "docsStyle", asset(docsFiles, "docs/docs.css", 5*time.Minute)),
	}
}

// described serves a page that is made from the description. It is made once, when it is
// first requested: the description is complete only after every module has declared its routes.
func described(render func(*openapi.Document) ([]byte, error)) func(*edge.Request) error {
	var (
		once sync.Once
		body []byte
		err  error
	)
	return func(r *edge.Request) error {
		once.Do(func() { body, err = render(r.Description()) })
		if err != nil {
			return err
		}
		r.Header("Content-Security-Policy", staticPolicy)
		r.Header("Cache-Control", "public, max-age=300")
		r.Data(http.StatusOK, "text/html; charset=utf-8", body)
		return nil
	}
}

func renderDocs(t *template.Template, view any) ([]byte, error) {
	var body bytes.Buffer
	if err := t.Execute(&body, view); err != nil {
		return nil, fmt.Errorf("render %s: %w", t.Name(), err)
	}
	return body.Bytes(), nil
}
