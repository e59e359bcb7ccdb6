package openapi

import (
	"bytes"
	"encoding/json"
)

// Document is an OpenAPI 3.1 document.
type Document struct {
	OpenAPI    string            `json:"openapi"`
	Info       Info              `json:"info"`
	Servers    []Server          `json:"servers,omitempty"`
	Tags       []Tag             `json:"tags,omitempty"`
	Paths      Ordered[PathItem] `json:"paths"`
	Components Components        `json:"components"`
	// Topics are what Info.Description is made of, for pages.
	Topics []Topic `json:"-"`
}

// Info says what is described.
type Info struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Summary     string `json:"summary,omitempty"`
	Description string `json:"description,omitempty"`
}

// Server is where the routes are served.
type Server struct {
	URL string `json:"url"`
}

// Tag groups operations.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// PathItem are the operations of one path, by method in lower case.
type PathItem = Ordered[*Operation]

// Operation is one method of one path.
type Operation struct {
	ID          string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Description string                `json:"description,omitempty"`
	Tags        []string              `json:"tags,omitempty"`
	Security    []map[string][]string `json:"security"`
	Parameters  []Parameter           `json:"parameters,omitempty"`
	RequestBody *RequestBody          `json:"requestBody,omitempty"`
	Responses   Ordered[*Response]    `json:"responses"`
	// Who says in words who may; Roles are the platform roles that may.
	Who   string   `json:"x-who"`
	Roles []string `json:"x-roles,omitempty"`
	// Limit is how often.
	Limit *Limit `json:"x-rate-limit,omitempty"`
	// Development says that the operation exists in development only.
	Development bool `json:"x-development,omitempty"`
}

// Limit is how often an operation may be requested.
type Limit struct {
	Name          string `json:"name"`
	Requests      int    `json:"requests"`
	WindowSeconds int    `json:"windowSeconds"`
}

// Parameter is a parameter in the path, the query or a header, or a reference to one.
type Parameter struct {
	Ref         string  `json:"$ref,omitempty"`
	Name        string  `json:"name,omitempty"`
	In          string  `json:"in,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Description string  `json:"description,omitempty"`
	Schema      *Schema `json:"schema,omitempty"`
	Example     any     `json:"example,omitempty"`
}

// RequestBody is what a request carries.
type RequestBody struct {
	Required bool               `json:"required,omitempty"`
	Content  Ordered[MediaType] `json:"content"`
}

// MediaType is a body in one representation.
type MediaType struct {
	Schema   *Schema          `json:"schema,omitempty"`
	Example  any              `json:"example,omitempty"`
	Examples Ordered[Example] `json:"examples,omitempty"`
}

// Example is one of several examples.
type Example struct {
	Summary string `json:"summary,omitempty"`
	Value   any    `json:"value"`
}

// Response is one response.
type Response struct {
	Description string             `json:"description"`
	Headers     Ordered[Header]    `json:"headers,omitempty"`
	Content     Ordered[MediaType] `json:"content,omitempty"`
}

// Header is a header of a response, or a reference to one.
type Header struct {
	Ref         string  `json:"$ref,omitempty"`
	Description string  `json:"description,omitempty"`
	Schema      *Schema `json:"schema,omitempty"`
}

// Components are what references lead to.
type Components struct {
	Schemas         Ordered[*Schema]        `json:"schemas"`
	Parameters      Ordered[Parameter]      `json:"parameters,omitempty"`
	Headers         Ordered[Header]         `json:"headers,omitempty"`
	SecuritySchemes Ordered[SecurityScheme] `json:"securitySchemes"`
}

// SecurityScheme is a way to authenticate.
type SecurityScheme struct {
	Type        string `json:"type"`
	In          string `json:"in"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Topic is a section of the description: sentences, in which backticks set code, and
// a table with a head row.
type Topic struct {
	ID, Title string
	Text      []string
	Table     [][]string
}

// Ordered is a JSON object whose members keep their order.
type Ordered[T any] []Member[T]

// Member is one member of an object.
type Member[T any] struct {
	Name  string
	Value T
}

// Get returns the member of a name.
func (o Ordered[T]) Get(name string) (value T, found bool) {
	for _, m := range o {
		if m.Name == name {
			return m.Value, true
		}
	}
	return value, false
}

// Set replaces a member or adds it at the end.
func (o *Ordered[T]) Set(name string, value T) {
	for i := range *o {
		if (*o)[i].Name == name {
			(*o)[i].Value = value
			return
		}
	}
	*o = append(*o, Member[T]{name, value})
}

// MarshalJSON implements json.Marshaler.
func (o Ordered[T]) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, part := range []any{m.Name, m.Value} {
			if j > 0 {
				b.WriteByte(':')
			}
			text, err := Marshal(part)
			if err != nil {
				return nil, err
			}
			b.Write(text)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Marshal returns v as compact JSON that leaves <, > and & as they are.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
