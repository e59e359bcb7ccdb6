package contract_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// description is /openapi.json, as a client reads it.
type description struct {
	raw        any
	operations map[string]*operation
	schemas    *jsonschema.Compiler
}

// operation is one operation of it.
type operation struct {
	ID, Method, Path, At string
	Parameters           []map[string]any
	// Type is the media type of the body, "" for none; Schema and Example are the body's.
	Type    string
	Schema  map[string]any
	Example any
	// Responses are the declared responses by status.
	Responses map[string]map[string]any
	raw       map[string]any
}

const documentURL = "http://codex.test/openapi.json"

func (w *harness) describe() *description {
	w.Helper()
	a := w.send(request{Method: http.MethodGet, Path: "/openapi.json"})
	if a.Status != http.StatusOK {
		w.Fatalf("/openapi.json: %d %s", a.Status, a.Body)
	}
	d := &description{operations: map[string]*operation{}, schemas: jsonschema.NewCompiler()}
	d.raw = handlertest.Must(jsonschema.UnmarshalJSON(strings.NewReader(a.Body)))(w)
	d.schemas.AssertFormat()
	handlertest.Must(0, d.schemas.AddResource(documentURL, d.raw))(w)
	for path, item := range at[map[string]any](d.raw, "paths") {
		for method, raw := range item.(map[string]any) {
			o := &operation{
				ID:        at[string](raw, "operationId"),
				Method:    strings.ToUpper(method),
				Path:      path,
				At:        "#/paths/" + escape(path) + "/" + method,
				Responses: map[string]map[string]any{},
				raw:       raw.(map[string]any),
			}
			for _, p := range at[[]any](raw, "parameters") {
				o.Parameters = append(o.Parameters, d.resolve(p.(map[string]any)))
			}
			for kind, body := range at[map[string]any](raw, "requestBody", "content") {
				o.Type, o.Schema, o.Example = kind, d.resolve(at[map[string]any](body, "schema")), at[any](body, "example")
			}
			for status, response := range at[map[string]any](raw, "responses") {
				o.Responses[status] = response.(map[string]any)
			}
			if _, twice := d.operations[o.ID]; twice || o.ID == "" {
				w.Errorf("%s %s: the operationId %q is not its own", o.Method, path, o.ID)
			}
			d.operations[o.ID] = o
		}
	}
	return d
}

// names are the operations in alphabetical order.
func (d *description) names() []string { return slices.Sorted(maps.Keys(d.operations)) }

// at returns what is deep inside a JSON value, the zero value when it is not there.
func at[T any](v any, path ...string) (found T) {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	found, _ = v.(T)
	return found
}

// escape writes a name as a part of a JSON pointer in a URL.
func escape(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// resolve follows a reference.
func (d *description) resolve(v map[string]any) map[string]any {
	if ref, is := v["$ref"].(string); is {
		return d.resolve(at[map[string]any](d.raw, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
	}
	for _, option := range at[[]any](v, "anyOf") {
		if m := option.(map[string]any); m["$ref"] != nil {
			return d.resolve(m)
		}
	}
	return v
}

// check says why a value does not fit the schema at a pointer, nil when it does.
func (d *description) check(pointer string, value any) error {
	schema, err := d.schemas.Compile(documentURL + pointer)
	if err != nil {
		return fmt.Errorf("the schema itself: %w", err)
	}
	return schema.Validate(value)
}

// fits returns why a response is not what an operation declares, nil when it is.
func (d *description) fits(o *operation, a answer) error {
	declared, known := o.Responses[fmt.Sprint(a.Status)]
	if !known {
		return fmt.Errorf("status %d is not declared", a.Status)
	}
	content := at[map[string]any](declared, "content")
	if len(content) == 0 {
		if len(a.Body) > 0 && a.Status != http.StatusFound { // browsers get a link as well
			return fmt.Errorf("a body where none is declared")
		}
		return nil
	}
	kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	if _, known := content[kind]; !known {
		return fmt.Errorf("content type %q is not declared", kind)
	}
	var value any = a.Body
	if kind == "application/json" {
		var err error
		if value, err = jsonschema.UnmarshalJSON(strings.NewReader(a.Body)); err != nil {
			return err
		}
	}
	pointer := o.At + "/responses/" + fmt.Sprint(a.Status) + "/content/" + escape(kind) + "/schema"
	if err := d.check(pointer, value); err != nil {
		return err
	}
	return d.declared("", at[map[string]any](content[kind], "schema"), value)
}

// declared returns which field of a response has no schema, nil when there is none.
func (d *description) declared(where string, schema map[string]any, value any) error {
	schema = d.resolve(schema)
	switch v := value.(type) {
	case map[string]any:
		properties := at[map[string]any](schema, "properties")
		if properties == nil {
			return nil
		}
		for name, inner := range v {
			property, known := properties[name]
			if !known {
				return fmt.Errorf("the field %s%s is not declared", where, name)
			}
			if err := d.declared(where+name+".", property.(map[string]any), inner); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range v {
			if err := d.declared(where+"0.", at[map[string]any](schema, "items"), inner); err != nil {
				return err
			}
		}
	}
	return nil
}

// copied returns a deep copy of a JSON value.
func copied(v any) any {
	raw, _ := json.Marshal(v)
	var c any
	_ = json.Unmarshal(raw, &c)
	return c
}
