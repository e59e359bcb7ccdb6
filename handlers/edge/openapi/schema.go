package openapi

import (
	"cmp"
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/codex-platform/codex/domain"
)

// Schema is a JSON Schema 2020-12.
type Schema struct {
	ID                   string           `json:"$id,omitempty"`
	Ref                  string           `json:"$ref,omitempty"`
	Type                 Types            `json:"type,omitempty"`
	Format               string           `json:"format,omitempty"`
	Description          string           `json:"description,omitempty"`
	Enum                 []any            `json:"enum,omitempty"`
	Pattern              string           `json:"pattern,omitempty"`
	MinLength            *int             `json:"minLength,omitempty"`
	MaxLength            *int             `json:"maxLength,omitempty"`
	Minimum              *int             `json:"minimum,omitempty"`
	Maximum              *int             `json:"maximum,omitempty"`
	MinItems             *int             `json:"minItems,omitempty"`
	MaxItems             *int             `json:"maxItems,omitempty"`
	Items                *Schema          `json:"items,omitempty"`
	Properties           Ordered[*Schema] `json:"properties,omitempty"`
	Required             []string         `json:"required,omitempty"`
	AdditionalProperties *bool            `json:"additionalProperties,omitempty"`
	AnyOf                []*Schema        `json:"anyOf,omitempty"`
	Default              any              `json:"default,omitempty"`
	Examples             []any            `json:"examples,omitempty"`
	ContentEncoding      string           `json:"contentEncoding,omitempty"`
}

// Types are the JSON types that a value may have.
type Types []string

// MarshalJSON implements json.Marshaler.
func (t Types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// Nullable reports whether the value may be null.
func (s *Schema) Nullable() bool {
	isNull := func(o *Schema) bool { return slices.Contains(o.Type, "null") }
	return isNull(s) || slices.ContainsFunc(s.AnyOf, isNull)
}

// Schemas makes schemas from Go types and collects those that have a name.
type Schemas struct {
	Named Ordered[*Schema]
	names map[use]string
}

// use is a type in a request or in a response: what is optional differs.
type use struct {
	t        reflect.Type
	response bool
	// open requests may have further fields.
	open bool
}

// to is another type in the same place.
func (u use) to(t reflect.Type) use {
	u.t = t
	return u
}

// refPrefix is where references to named schemas lead.
const refPrefix = "#/components/schemas/"

// Request returns the schema of a type that requests carry: fields are required when
// their tag says so, no others are accepted, and a pointer is a field that may be absent.
func (s *Schemas) Request(t reflect.Type) *Schema { return s.of(use{t: t}) }

// Foreign returns the schema of a type that other systems send: what it does not name
// is ignored.
func (s *Schemas) Foreign(t reflect.Type) *Schema { return s.of(use{t: t, open: true}) }

// Response returns the schema of a type that responses carry: fields are present unless
// they are omitted when empty, and a pointer may be null.
func (s *Schemas) Response(t reflect.Type) *Schema { return s.of(use{t: t, response: true}) }

// Resolve follows a reference.
func (s *Schemas) Resolve(schema *Schema) *Schema {
	if name, is := strings.CutPrefix(schema.Ref, refPrefix); is {
		found, _ := s.Named.Get(name)
		return found
	}
	return schema
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	rawType      = reflect.TypeFor[json.RawMessage]()
	optionalType = reflect.TypeFor[interface{ Inner() any }]()
)

func (s *Schemas) of(u use) *Schema {
	switch t := u.t; {
	case t == timeType:
		return &Schema{Type: Types{"string"}, Format: "date-time"}
	case t == rawType, t.Kind() == reflect.Interface:
		return &Schema{}
	case t.Kind() == reflect.Struct && t.Implements(optionalType):
		field, _ := t.FieldByName("Value")
		return nullable(s.of(u.to(field.Type.Elem())))
	case t.Kind() == reflect.Pointer:
		inner := s.of(u.to(t.Elem()))
		if u.response {
			inner = nullable(inner)
		}
		return inner
	case t.Kind() == reflect.Struct:
		return s.named(u)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return &Schema{Type: Types{"string"}, ContentEncoding: "base64"}
	case t.Kind() == reflect.Slice:
		return &Schema{Type: Types{"array"}, Items: s.of(u.to(t.Elem()))}
	case t.Kind() == reflect.Map && u.response:
		return &Schema{Type: Types{"object", "null"}}
	default:
		return &Schema{Type: Types{scalar(t.Kind())}}
	}
}

func scalar(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.String:
		return "string"
	case reflect.Map:
		return "object"
	default:
		return "integer"
	}
}

// nullable returns the schema of s or null.
func nullable(s *Schema) *Schema {
	if s.Ref != "" {
		return &Schema{AnyOf: []*Schema{s, {Type: Types{"null"}}}}
	}
	if len(s.Type) > 0 && !s.Nullable() {
		s.Type = append(slices.Clone(s.Type), "null")
	}
	return s
}

// named returns a reference to a struct's schema; one without a name is inlined.
func (s *Schemas) named(u use) *Schema {
	if name, known := s.names[u]; known {
		return &Schema{Ref: refPrefix + name}
	}
	if u.t.Name() == "" || strings.Contains(u.t.Name(), "[") {
		return s.object(u)
	}
	name := s.name(u)
	if s.names == nil {
		s.names = map[use]string{}
	}
	s.names[u] = name
	at := len(s.Named)
	s.Named = append(s.Named, Member[*Schema]{Name: name}) // before its parts, which may refer to it
	s.Named[at].Value = s.object(u)
	return &Schema{Ref: refPrefix + name}
}

// name is the type's own. A request of one word gets its context's as well: content.Create
// is CreateContent.
func (s *Schemas) name(u use) string {
	context := path.Base(u.t.PkgPath())
	title := strings.ToUpper(context[:1]) + context[1:]
	name := u.t.Name()
	name = strings.ToUpper(name[:1]) + name[1:]
	words := strings.IndexFunc(name[1:], unicode.IsUpper)
	if !u.response && words < 0 && name != title {
		name += title
	}
	for _, better := range []string{name, title + name, name + "Request"} {
		if _, taken := s.Named.Get(better); !taken {
			return better
		}
	}
	return name + strconv.Itoa(len(s.Named))
}

func (s *Schemas) object(u use) *Schema {
	closed := false
	o := &Schema{Type: Types{"object"}}
	if !u.response && !u.open {
		o.AdditionalProperties = &closed
	}
	s.fields(o, u)
	return o
}

func (s *Schemas) fields(o *Schema, u use) {
	for _, p := range domain.PropertiesOf(u.t) {
		f := u.t.Field(p.Index)
		if p.Name == "" { // embedded: its fields are the outer one's
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			s.fields(o, u.to(inner))
			continue
		}

		property := s.of(u.to(f.Type))
		if p.Omitted && u.response && f.Type.Kind() == reflect.Pointer {
			property = s.of(u.to(f.Type.Elem())) // absent rather than null
		}
		property.limit(p.Limits)
		property.Description = cmp.Or(p.Doc, p.Rule)
		if property.Items != nil && property.Items.Ref == "" {
			property.Items.limit(p.Each)
		}

		if (u.response && !p.Omitted) || p.Limits.Required {
			o.Required = append(o.Required, p.Name)
		}
		o.Properties.Set(p.Name, property)
	}
}

// limit applies the limits of a tag.
func (s *Schema) limit(l domain.Limits) {
	if l.Nullable {
		nullable(s)
	}
	s.MinLength, s.MaxLength = l.MinLength, l.MaxLength
	s.Minimum, s.Maximum = l.Minimum, l.Maximum
	s.MinItems, s.MaxItems = l.MinItems, l.MaxItems
	s.Pattern = l.Pattern
	s.Format = cmp.Or(l.Format, s.Format)
	for _, value := range l.Enum {
		s.Enum = append(s.Enum, s.value(value))
	}
	for _, value := range l.Examples {
		s.Examples = append(s.Examples, s.value(value))
	}
	if len(s.Enum) > 0 && s.Nullable() && !slices.Contains(s.Enum, nil) {
		s.Enum = append(s.Enum, nil)
	}
}

// value reads a value of a tag as the schema's type.
func (s *Schema) value(text string) any {
	if len(s.Type) > 0 && s.Type[0] != "string" {
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			return v
		}
		if s.Type[0] == "array" {
			return []any{text}
		}
	}
	return text
}
