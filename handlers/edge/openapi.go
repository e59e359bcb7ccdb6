package edge

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

// Description returns the OpenAPI document of the declared routes. It is made once,
// after the last part has declared its own, and never changes; do not change it.
func (e *Edge) Description() *openapi.Document { return e.description() }

// describe makes the document.
func (e *Edge) describe() *openapi.Document {
	d := &describer{edge: e, schemas: &openapi.Schemas{}}
	d.refusal = d.schemas.Answer(reflect.TypeFor[commands.ErrorBody]())
	doc := &openapi.Document{
		OpenAPI: "3.1.0", Topics: topics, Servers: []openapi.Server{{URL: e.cfg.PublicURL}},
		Info: openapi.Info{
			Title: "Codex", Version: Version, Summary: "Video, audio and writing, sold by the people who make them", Description: inWords(topics),
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
			doc.Tags = append(doc.Tags, openapi.Tag{Name: s.name, Description: s.what})
			delete(used, s.name)
		}
	}
	doc.Components = openapi.Components{
		Schemas: d.schemas.Named, Parameters: commandParameters, Headers: answerHeaders, SecuritySchemes: securitySchemes,
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
	edge    *Edge
	schemas *openapi.Schemas
	refusal *openapi.Schema
}

func (d *describer) operation(r Route, tag string) *openapi.Operation {
	o := &openapi.Operation{
		ID: r.Name, Summary: r.Summary, Description: r.Notes, Tags: []string{tag}, Development: r.Development,
		Security: r.Auth.security(), Who: r.Auth.String(), Roles: r.Auth.roles,
		Parameters: d.parameters(r), RequestBody: d.requestBody(r),
	}
	if r.Limit.Max > 0 {
		o.Limit = &openapi.Limit{Name: r.Limit.Name, Requests: r.Limit.Max, WindowSeconds: int(r.Limit.Window.Seconds())}
	}
	for _, a := range r.Responses {
		o.Responses.Set(strconv.Itoa(a.Status), d.answer(a))
	}
	if r.Command != "" {
		accepted := d.answer(Response{Status: http.StatusAccepted, Body: dataOf[Accepted]{}, Doc: "The command is kept and will be applied; its address tells when"})
		accepted.Headers = append(openapi.Ordered[openapi.Header]{{Name: "Location", Value: openapi.Header{Ref: "#/components/headers/Location"}}}, accepted.Headers...)
		o.Responses.Set(strconv.Itoa(http.StatusAccepted), accepted)
	}
	d.refusals(o, r)
	if r.Auth.kind == authToken { // players read no JSON
		o.Responses.Set("403", d.answer(Response{Status: http.StatusForbidden, Type: "text/plain", Doc: "The token is bad or over, or access ended"}))
		o.Responses.Set("404", d.answer(Response{Status: http.StatusNotFound, Type: "text/plain", Doc: "There is no such playlist"}))
	}
	slices.SortStableFunc(o.Responses, func(a, b openapi.Member[*openapi.Response]) int { return cmp.Compare(a.Name, b.Name) })
	return o
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
	for _, p := range commandParameters {
		if r.Command != "" || r.Idempotent && p.Name == "Idempotency-Key" {
			list = append(list, openapi.Parameter{Ref: "#/components/parameters/" + p.Name})
		}
	}
	return list
}

func (d *describer) parameter(p Param, in string) openapi.Parameter {
	schema := p.schema()
	described := openapi.Parameter{Name: p.Name, In: in, Required: p.Required, Description: p.Doc, Schema: schema}
	if p.Required {
		described.Example = cmp.Or[any](openapi.Usual(p.Name, schema), d.schemas.AnswerExample(schema))
	}
	return described
}

// schema returns what a parameter may be.
func (d Param) schema() *openapi.Schema {
	s := &openapi.Schema{Type: openapi.Types{"string"}}
	switch d.kind {
	case paramText:
		if d.maxLength > 0 {
			s.MaxLength = &d.maxLength
		}
	case paramUUID:
		s.Format = "uuid"
	case paramBool:
		s.Type = openapi.Types{"boolean"}
	case paramInt:
		s.Type = openapi.Types{"integer"}
		s.Minimum, s.Maximum = &d.min, &d.max
		if !d.Required {
			s.Default = d.fallback
		}
	case paramChoice:
		for _, v := range d.values {
			if v != "" {
				s.Enum = append(s.Enum, v)
			}
		}
		if d.values[0] != "" && !d.Required {
			s.Default = d.values[0]
		}
	}
	return s
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

func (d *describer) answer(a Response) *openapi.Response {
	response := &openapi.Response{Description: cmp.Or(a.Doc, http.StatusText(a.Status)), Headers: usualHeaders}
	if a.Status == http.StatusFound {
		response.Headers = append(slices.Clone(usualHeaders), openapi.Member[openapi.Header]{Name: "Location", Value: openapi.Header{Ref: "#/components/headers/Location"}})
	}
	switch {
	case a.Body != nil:
		body := openapi.MediaType{Schema: d.schemas.Answer(reflect.TypeOf(a.Body))}
		if cmp.Or(a.Type, jsonType) == jsonType {
			body.Example = d.schemas.AnswerExample(body.Schema)
		}
		response.Content = openapi.Ordered[openapi.MediaType]{{Name: cmp.Or(a.Type, jsonType), Value: body}}
	case a.Type != "":
		response.Content = openapi.Ordered[openapi.MediaType]{{Name: a.Type, Value: openapi.MediaType{Schema: &openapi.Schema{Type: openapi.Types{"string"}}}}}
	}
	return response
}

// refusals adds what an operation may be refused with: what follows from its
// declaration, and its own.
func (d *describer) refusals(o *openapi.Operation, r Route) {
	for _, err := range append(r.follows(), r.Errors...) {
		status, body := refusal(err)
		d.refuse(o, status, cmp.Or(err.Reason, body.Error.Code), body)
	}
	d.refuse(o, http.StatusInternalServerError, "INTERNAL_ERROR", commands.InternalError("5f0c2b1e-1f5e-4c43-9f0e-0d6b8a7c9e21"))
}

func (d *describer) refuse(o *openapi.Operation, status int, name string, body commands.ErrorBody) {
	key := strconv.Itoa(status)
	response, known := o.Responses.Get(key)
	if !known {
		response = &openapi.Response{Description: http.StatusText(status), Headers: usualHeaders}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			response.Headers = append(slices.Clone(usualHeaders), openapi.Member[openapi.Header]{Name: "Retry-After", Value: openapi.Header{Ref: "#/components/headers/Retry-After"}})
		}
		o.Responses.Set(key, response)
	}
	content, _ := response.Content.Get(jsonType)
	if content.Example != nil { // a success of the same status, as of /health
		return
	}
	content.Schema = d.refusal
	content.Examples.Set(name, openapi.Example{Summary: body.Error.Message, Value: body})
	response.Content.Set(jsonType, content)
}

var (
	ErrBadSignature = domain.Refuse(domain.Unauthorized, "INVALID_SIGNATURE", "The signature does not fit")
	errExampleField = &domain.Error{Class: domain.Invalid, Message: "Invalid request data", Fields: []domain.Field{{Path: "title", Message: "is required"}}}
)

// follows are the refusals that follow from the declaration.
func (r Route) follows() []*domain.Error {
	writes := r.Method != http.MethodGet
	var list []*domain.Error
	if len(r.Params) > 0 || len(pathNames(r.Path)) > 0 || writes {
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
	case authPublic, authOptional, authToken: // nobody is sent away before the handler
	}
	if writes {
		list = append(list, errCrossOrigin, ErrBodyTooLarge, ErrBodyTooSlow)
	}
	if r.Command != "" || r.Idempotent {
		list = append(list, ErrKeyReused)
	}
	if r.Limit.Max > 0 {
		list = append(list, tooMany(time.Minute))
	}
	return append(list, ErrUnavailable)
}

// Routes lists everything that is served: the routes of the contract, and pages.
func (e *Edge) Routes() []Route { return e.routes }

// serveDescription answers with the document, which a client may keep for a while
// and then ask whether it is still the same.
func (e *Edge) serveDescription(c *Request) error {
	body, err := openapi.Marshal(e.description())
	if err != nil {
		return fmt.Errorf("marshal the description: %w", err)
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	c.Header("ETag", tag)
	c.Header("Cache-Control", "public, max-age=300")
	if c.GetHeader("If-None-Match") == tag {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", body)
	return nil
}
