package web

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// curl returns a command line that makes the request.
func curl(d *openapi.Document, o *docOperation) string {
	command := "curl"
	if o.Method != http.MethodGet {
		command += " -X " + o.Method
	}
	server := ""
	if len(d.Servers) > 0 {
		server = d.Servers[0].URL
	}
	lines := []string{command + " '" + server + curlTarget(o) + "'"}

	for _, s := range o.Security {
		for name := range s {
			scheme, _ := d.Components.SecuritySchemes.Get(name)
			switch scheme.In {
			case "cookie":
				lines = append(lines, "-b '"+scheme.Name+"=…'")
			case "header":
				lines = append(lines, "-H '"+scheme.Name+": …'")
			}
		}
	}
	if o.RequestBody != nil {
		lines = append(lines, curlBody(o)...)
	}
	return strings.Join(lines, " \\\n  ")
}

// curlTarget returns the path and the required query of the request.
func curlTarget(o *docOperation) string {
	target := o.Path
	var query []string
	for _, p := range o.Operation.Parameters {
		switch {
		case p.In == "path":
			target = strings.ReplaceAll(target, "{"+p.Name+"}", fmt.Sprint(p.Example))
		case p.In == "query" && p.Required:
			query = append(query, p.Name+"="+fmt.Sprint(p.Example))
		}
	}
	for _, s := range o.Security {
		if _, token := s["playbackToken"]; token {
			query = append(query, "token=…")
		}
	}
	if len(query) > 0 {
		target += "?" + strings.Join(query, "&")
	}
	return target
}

func curlBody(o *docOperation) []string {
	switch content := o.RequestBody.Content[0]; {
	case content.Value.Example != nil:
		quoted := strings.ReplaceAll(pretty(content.Value.Example), "'", `'\''`)
		return []string{"-H 'Content-Type: application/json'", "-d '" + quoted + "'"}
	case content.Name == "multipart/form-data":
		name := "file"
		if len(content.Value.Schema.Properties) > 0 {
			name = content.Value.Schema.Properties[0].Name
		}
		return []string{"-F '" + name + "=@picture.png'"}
	default:
		return []string{"-H 'Content-Type: " + cmp.Or(content.Name, "application/octet-stream") + "'", "--data-binary @file"}
	}
}
