package edge

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// Description returns the OpenAPI document of the declared routes. It is made once; do not
// change it.
func (e *Edge) Description() *openapi.Document { return e.description() }

// describe makes the document.
func (e *Edge) describe() *openapi.Document {
	d := &describer{schemas: &openapi.Schemas{}}
	d.errorSchema = d.schemas.Response(reflect.TypeFor[commands.ErrorBody]())
	doc := &openapi.Document{
		OpenAPI: "3.1.0",
		Topics:  topics,
		Servers: []openapi.Server{{URL: e.cfg.PublicURL}},
		Info: openapi.Info{
			Title:       "Codex",
			Version:     Version,
			Summary:     "Video, audio and writing, sold by the people who make them",
			Description: markdown(topics),
		},
	}
	used := map[string]bool{}
	for _, r := range e.routes {
		if r.Page {
			continue
		}
		section := sectionOf(r.Path)
		used[section.name] = true
		path := braced(r.Path)
		item, _ := doc.Paths.Get(path)
		item.Set(strings.ToLower(r.Method), d.operation(r, section.name))
		doc.Paths.Set(path, item)
	}

	for _, s := range sections {
		if used[s.name] {
			doc.Tags = append(doc.Tags, openapi.Tag{Name: s.name, Description: s.doc})
			delete(used, s.name)
		}
	}
	doc.Components = openapi.Components{
		Schemas:         d.schemas.Named,
		Parameters:      commandParameters,
		Headers:         responseHeaders,
		SecuritySchemes: securitySchemes,
	}
	return doc
}

// braced turns gin's notation of a path into OpenAPI's.
func braced(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, is := strings.CutPrefix(part, ":"); is {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// describer turns routes into operations and collects their schemas.
type describer struct {
	schemas     *openapi.Schemas
	errorSchema *openapi.Schema
}

func (d *describer) operation(r Route, tag string) *openapi.Operation {
	o := &openapi.Operation{
		ID:          r.Name,
		Summary:     r.Summary,
		Description: r.Notes,
		Tags:        []string{tag},
		Development: r.Development,
		Security:    r.Auth.security(),
		Who:         r.Auth.String(),
		Roles:       r.Auth.roles,
		Parameters:  d.parameters(r),
		RequestBody: d.requestBody(r),
	}
	if r.Limit.Max > 0 {
		o.Limit = &openapi.Limit{
			Name:          r.Limit.Name,
			Requests:      r.Limit.Max,
			WindowSeconds: int(r.Limit.Window.Seconds()),
		}
	}

	for _, response := range r.Responses {
		o.Responses.Set(strconv.Itoa(response.Status), d.response(response))
	}
	if r.Command != "" {
		o.Responses.Set(strconv.Itoa(http.StatusAccepted), d.response(acceptedResponse))
	}
	d.errors(o, r)
	if r.Auth.kind == authToken {
		for _, response := range playlistErrors {
			o.Responses.Set(strconv.Itoa(response.Status), d.response(response))
		}
	}
	slices.SortStableFunc(o.Responses, func(a, b openapi.Member[*openapi.Response]) int {
		return cmp.Compare(a.Name, b.Name)
	})
	return o
}

// acceptedResponse is that of every operation that sends a command.
var acceptedResponse = Response{
	Status: http.StatusAccepted,
	Body:   dataOf[accepted]{},
	Doc:    "The command is stored and will be applied; its address shows when",
}

// playlistErrors are those of routes with a playback token: players read no JSON.
var playlistErrors = []Response{
	{Status: http.StatusForbidden, Type: "text/plain", Doc: "The token is invalid or expired, or access ended"},
	{Status: http.StatusNotFound, Type: "text/plain", Doc: "There is no such playlist"},
}

func (d *describer) parameters(r Route) []openapi.Parameter {
	var list []openapi.Parameter
	inPath := pathNames(r.Path)
	for _, name := range inPath {
		p := UUIDParam(name)
		if i := slices.IndexFunc(r.Params, func(p Param) bool { return p.Name == name }); i >= 0 {
			p = r.Params[i]
		}
		list = append(list, d.parameter(RequiredParam(p), "path"))
	}
	for _, p := range r.Params {
		if !slices.Contains(inPath, p.Name) {
			list = append(list, d.parameter(p, "query"))
		}
	}
	for _, p := range r.Headers {
		list = append(list, d.parameter(p, "header"))
	}
	for _, p := range commandParameters {
		if r.Command != "" || r.Idempotent && p.Name == "Idempotency-Key" {
			list = append(list, openapi.Parameter{Ref: "#/components/parameters/" + p.Name})
		}
	}
	return list
}

func (d *describer) parameter(p Param, in string) openapi.Parameter {
	schema := p.schema()
	described := openapi.Parameter{
		Name:        p.Name,
		In:          in,
		Required:    p.Required,
		Description: p.Doc,
		Schema:      schema,
	}
	if p.Required {
		described.Example = cmp.Or[any](openapi.Usual(p.Name, schema), d.schemas.ResponseExample(schema))
	}
	return described
}

func (d *describer) requestBody(r Route) *openapi.RequestBody {
	if r.Body == nil && r.BodyType == "" {
		return nil
	}
	body := openapi.MediaType{Schema: &openapi.Schema{Type: openapi.Types{"string"}, Format: "binary"}}
	if r.Body != nil {
		body.Schema = d.schemas.Request(reflect.TypeOf(r.Body))
		if r.Auth.kind == authStripe || r.Auth.kind == authTranscoder {
			body.Schema = d.schemas.Foreign(reflect.TypeOf(r.Body))
		}
		body.Example = d.schemas.RequestExample(body.Schema)
	}
	return &openapi.RequestBody{
		Required: len(d.schemas.Resolve(body.Schema).Required) > 0 || r.Body == nil,
		Content:  openapi.Ordered[openapi.MediaType]{{Name: cmp.Or(r.BodyType, jsonType), Value: body}},
	}
}

const jsonType = "application/json"

func (d *describer) response(r Response) *openapi.Response {
	described := &openapi.Response{Description: cmp.Or(r.Doc, http.StatusText(r.Status)), Headers: commonHeaders}
	if r.Status == http.StatusFound || r.Status == http.StatusAccepted {
		described.Headers = withHeader("Location")
	}
	kind := cmp.Or(r.Type, jsonType)
	switch {
	case r.Body != nil:
		body := openapi.MediaType{Schema: d.schemas.Response(reflect.TypeOf(r.Body))}
		if kind == jsonType {
			body.Example = d.schemas.ResponseExample(body.Schema)
		}
		described.Content.Set(kind, body)
	case r.Type != "":
		described.Content.Set(kind, openapi.MediaType{Schema: &openapi.Schema{Type: openapi.Types{"string"}}})
	}
	return described
}

// errors adds the errors of an operation: those that follow from its declaration, and its
// own.
func (d *describer) errors(o *openapi.Operation, r Route) {
	for _, err := range append(r.impliedErrors(), r.Errors...) {
		status, body := commands.ErrorResponse(err)
		d.error(o, status, cmp.Or(err.Reason, body.Error.Code), body)
	}
	d.error(o, http.StatusInternalServerError, "INTERNAL_ERROR",
		commands.InternalError("5f0c2b1e-1f5e-4c43-9f0e-0d6b8a7c9e21"))
}

func (d *describer) error(o *openapi.Operation, status int, name string, body commands.ErrorBody) {
	key := strconv.Itoa(status)
	response, known := o.Responses.Get(key)
	if !known {
		response = &openapi.Response{
			Description: cmp.Or(http.StatusText(status), body.Error.Message), // of the statuses of other protocols
			Headers:     commonHeaders,
		}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			response.Headers = withHeader("Retry-After")
		}
		o.Responses.Set(key, response)
	}
	content, _ := response.Content.Get(jsonType)
	if content.Example != nil { // a success of the same status, as of /health
		return
	}
	content.Schema = d.errorSchema
	content.Examples.Set(name, openapi.Example{Summary: body.Error.Message, Value: body})
	response.Content.Set(jsonType, content)
}

// errExampleField is the example of an error about a field.
var errExampleField = &domain.Error{
	Class:   domain.Invalid,
	Message: "Invalid request data",
	Fields:  []domain.Field{{Path: "title", Message: "is required"}},
}

// impliedErrors are the errors that follow from the declaration.
func (r Route) impliedErrors() []*domain.Error {
	writes := r.Method != http.MethodGet
	var list []*domain.Error
	if len(r.Params) > 0 || len(r.Headers) > 0 || len(pathNames(r.Path)) > 0 || writes {
		list = append(list, errExampleField)
	}
	switch r.Auth.kind {
	case authSession:
		list = append(list, ErrSignedOut)
		if len(r.Auth.roles) > 0 {
			list = append(list, errRole)
		}
	case authWorker, authStripe, authTranscoder:
		list = append(list, ErrBadSignature)
	case authPublic, authOptional, authToken: // without errors of their own
	}
	if writes {
		list = append(list, errCrossOrigin, ErrBodyTooLarge, ErrBodyTooSlow)
	}
	if r.Command != "" || r.Idempotent {
		list = append(list, commands.ErrKeyReused)
	}
	if r.Limit.Max > 0 {
		list = append(list, tooMany(time.Minute))
	}
	return append(list, ErrUnavailable)
}

// Routes are all routes that are served, pages included.
func (e *Edge) Routes() []Route { return e.routes }
