package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// referenceView is what the reference shows.
type referenceView struct {
	Info     openapi.Info
	Topics   []openapi.Topic
	Sections []docSection
	Count    int
}

type docSection struct {
	ID         string
	Name       string
	What       string
	Operations []docOperation
}

type docOperation struct {
	*openapi.Operation
	Method     string
	Path       string
	Rate       string
	Parameters []docField
	BodyType   string
	Body       []docField
	Responses  []docResponse
	Errors     []docError
	Command    bool
	Curl       string
}

type docField struct {
	Name     string
	In       string
	Type     string
	Limits   string
	What     string
	Required bool
}

type docResponse struct {
	Status  string
	What    string
	Type    string
	Example string
	Fields  []docField
}

// docError is one declared error. ID is its anchor in the error catalogue.
type docError struct {
	ID      string
	Status  string
	Code    string
	Detail  string
	Message string
}

// reference turns the document into the page's view.
func reference(d *openapi.Document) referenceView {
	view := referenceView{Info: d.Info, Topics: d.Topics}
	for _, tag := range d.Tags {
		section := docSection{ID: slug(tag.Name), Name: tag.Name, What: tag.Description}
		for _, path := range d.Paths {
			for _, o := range path.Value {
				if slices.Contains(o.Value.Tags, tag.Name) {
					section.Operations = append(section.Operations, operation(d, path.Name, o.Name, o.Value))
				}
			}
		}
		view.Count += len(section.Operations)
		view.Sections = append(view.Sections, section)
	}
	return view
}

func slug(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

func operation(d *openapi.Document, path, method string, o *openapi.Operation) docOperation {
	view := docOperation{
		Operation: o,
		Method:    strings.ToUpper(method),
		Path:      path,
		Rate:      rate(o.Limit),
		Errors:    operationErrors(o),
	}

	for _, p := range o.Parameters {
		if p.Ref != "" { // a header of every command, which the page explains once
			view.Command = true
			continue
		}
		f := field(d, p.Name, p.Schema)
		f.In, f.Required = p.In, p.Required
		f.What = p.Description
		view.Parameters = append(view.Parameters, f)
	}
	if o.RequestBody != nil {
		view.BodyType = o.RequestBody.Content[0].Name
		view.Body = fields(d, "", o.RequestBody.Content[0].Value.Schema, 0)
	}

	for _, r := range o.Responses {
		accepted := r.Name == "202" && view.Command // explained once, too
		if !accepted && !onlyErrors(r.Value) {
			view.Responses = append(view.Responses, response(d, r.Name, r.Value))
		}
	}
	view.Curl = curl(d, &view)
	return view
}

// onlyErrors reports whether all bodies of a response are errors. The 503 of /health is not:
// it has the same body as its 200.
func onlyErrors(r *openapi.Response) bool {
	return len(r.Content) > 0 && len(r.Content[0].Value.Examples) > 0
}

func response(d *openapi.Document, status string, r *openapi.Response) docResponse {
	view := docResponse{Status: status, What: r.Description}
	if len(r.Content) > 0 {
		media := r.Content[0]
		view.Type, view.Example = media.Name, pretty(media.Value.Example)
		view.Fields = fields(d, "", media.Value.Schema, 0)
	}
	return view
}

func rate(l *openapi.Limit) string {
	switch {
	case l == nil:
		return ""
	case l.WindowSeconds == 60:
		return fmt.Sprintf("%d per minute", l.Requests)
	default:
		return fmt.Sprintf("%d per %d minutes", l.Requests, l.WindowSeconds/60)
	}
}

// prose sets what stands between backticks as code.
func prose(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped
}

func pretty(example any) string {
	if example == nil {
		return ""
	}
	raw, err := openapi.Marshal(example)
	if err != nil {
		return ""
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}
