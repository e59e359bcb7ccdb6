package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// maxNesting is the depth to which nested fields are listed.
const maxNesting = 3

func resolve(d *openapi.Document, s *openapi.Schema) *openapi.Schema {
	for _, option := range s.AnyOf {
		if option.Ref != "" {
			s = option
		}
	}
	if name, is := strings.CutPrefix(s.Ref, "#/components/schemas/"); is {
		s, _ = d.Components.Schemas.Get(name)
	}
	return s
}

// fields lists the fields of an object, each followed by the fields of its own value.
func fields(d *openapi.Document, prefix string, s *openapi.Schema, depth int) []docField {
	s = resolve(d, s)
	var list []docField
	for _, p := range s.Properties {
		f := field(d, prefix+p.Name, p.Value)
		f.Required = slices.Contains(s.Required, p.Name)
		list = append(list, f)
		inner, below := resolve(d, p.Value), prefix+p.Name+"."
		if inner.Items != nil {
			inner, below = resolve(d, inner.Items), prefix+p.Name+"[]."
		}
		if depth < maxNesting {
			list = append(list, fields(d, below, inner, depth+1)...)
		}
	}
	return list
}

func field(d *openapi.Document, name string, s *openapi.Schema) docField {
	inner := resolve(d, s)
	f := docField{Name: name, Type: "any", What: s.Description}
	if len(inner.Type) > 0 {
		f.Type = inner.Type[0]
	}
	if inner.Items != nil {
		f.Type = "list"
		if item := resolve(d, inner.Items); len(item.Type) > 0 {
			f.Type = "list of " + item.Type[0] + "s"
		}
	}
	if s.Nullable() {
		f.Type += " or null"
	}
	limits := bounds(inner)
	if inner.Items != nil {
		for _, l := range bounds(inner.Items) {
			limits = append(limits, "each "+l)
		}
	}
	f.Limits = strings.Join(limits, "; ")
	return f
}

// bounds returns the limits of a schema in words.
func bounds(s *openapi.Schema) []string {
	var list []string
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			if v != nil {
				values = append(values, fmt.Sprint(v))
			}
		}
		list = append(list, strings.Join(values, " · "))
	}
	switch s.Format {
	case "":
	case "uuid":
		list = append(list, "UUID")
	case "uri":
		list = append(list, "http or https address")
	case "email":
		list = append(list, "e-mail address")
	case "date-time":
		list = append(list, "RFC 3339 time")
	default:
		list = append(list, s.Format)
	}
	list = append(list,
		between(s.MinLength, s.MaxLength, " characters"),
		between(s.Minimum, s.Maximum, ""),
		between(s.MinItems, s.MaxItems, " entries"),
	)
	if s.Default != nil {
		list = append(list, fmt.Sprint("default ", s.Default))
	}
	return slices.DeleteFunc(list, func(l string) bool { return l == "" })
}

func between(low, high *int, what string) string {
	switch {
	case low != nil && high != nil:
		return digits(*low) + "–" + digits(*high) + what
	case high != nil:
		return "at most " + digits(*high) + what
	case low != nil:
		return "at least " + digits(*low) + what
	default:
		return ""
	}
}

// digits writes a number in groups of three, with thin spaces.
func digits(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && n > 9999; i -= 3 {
		text = text[:i] + "\u2009" + text[i:]
	}
	return text
}
