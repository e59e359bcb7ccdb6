package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/codex-platform/codex/handlers/edge"
)

// Values of Content-Security-Policy. All of them allow the platform's own style sheets and
// forbid inline code.
const (
	basePolicy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
	// staticPolicy is for pages without scripts and forms.
	staticPolicy = basePolicy + "; form-action 'none'"
	// formPolicy is for pages without scripts whose forms are sent to the platform.
	formPolicy = basePolicy + "; form-action 'self'"
	// scriptPolicy is for pages whose script calls the platform. Without the script their
	// forms send nothing.
	scriptPolicy = staticPolicy + "; script-src 'self'; connect-src 'self'"
)

// page declares a page or one of its assets.
func page(at, name string, handle func(*edge.Request) error, params ...edge.Param) edge.Route {
	return edge.Route{
		Method: http.MethodGet,
		Path:   at,
		Name:   name,
		Params: params,
		Page:   true,
		Handle: handle,
	}
}

// render writes a page. Nothing is written when the template fails.
func render(r *edge.Request, t *template.Template, data any) error {
	var body bytes.Buffer
	if err := t.Execute(&body, data); err != nil {
		return fmt.Errorf("render %s: %w", t.Name(), err)
	}
	r.Data(http.StatusOK, "text/html; charset=utf-8", body.Bytes())
	return nil
}

// asset serves an embedded file; browsers may cache it for that long, 0 is not at all.
func asset(files embed.FS, name string, cache time.Duration) func(*edge.Request) error {
	return func(r *edge.Request) error {
		body, err := files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read an asset: %w", err)
		}
		if cache > 0 {
			r.Header("Cache-Control", "public, max-age="+strconv.Itoa(int(cache.Seconds())))
		}
		r.Data(http.StatusOK, mime.TypeByExtension(path.Ext(name)), body)
		return nil
	}
}
