package contract_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestDescriptionAndRouterAgree(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	described := map[string]bool{}
	for _, o := range d.operations {
		described[o.Method+" "+o.Path] = true
	}
	braces := regexp.MustCompile(`:(\w+)`)
	for _, r := range w.edge.Routes() {
		if r.Page {
			continue
		}
		key := r.Method + " " + braces.ReplaceAllString(r.Path, "{$1}")
		if !described[key] {
			t.Errorf("%s is served and not described ", key)
		}
		delete(described, key)
	}
	for key := range described {
		t.Errorf("%s is described and not served", key)
	}
	t.Logf("%d operations", len(d.operations))
}

func TestEveryOperationIsFullyDescribed(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	for _, name := range d.names() {
		o := d.operations[name]
		for _, fault := range faults(d, o) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

var pathParameter = regexp.MustCompile(`{(\w+)}`)

// faults lists what is missing or wrong in the description of an operation.
func faults(d *description, o *operation) (list []string) {
	fault := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, field := range []string{"summary", "x-who"} {
		if at[string](o.raw, field) == "" {
			fault("has no %s", field)
		}
	}
	if len(at[[]any](o.raw, "tags")) != 1 {
		fault("has not one tag")
	}
	if o.raw["security"] == nil {
		fault("does not say who may")
	}
	var inPath []string
	for i, p := range o.Parameters {
		name, in := at[string](p, "name"), at[string](p, "in")
		if in == "path" {
			inPath = append(inPath, name)
		}
		if name == "" || !slices.Contains([]string{"path", "query", "header"}, in) || at[any](p, "schema") == nil {
			fault("parameter %d is not described", i)
		}
		if (in == "path") != (in == "path" && at[bool](p, "required")) {
			fault("path parameter %s is not required", name)
		}
		if example := p["example"]; example != nil && at[any](o.raw["parameters"].([]any)[i], "schema") != nil {
			if err := d.check(fmt.Sprintf("%s/parameters/%d/schema", o.At, i), example); err != nil {
				fault("the example of %s: %v", name, err)
			}
		}
	}
	for _, m := range pathParameter.FindAllStringSubmatch(o.Path, -1) {
		if !slices.Contains(inPath, m[1]) {
			fault("the path's %s is not a parameter", m[1])
		}
	}
	if o.Type == "application/json" {
		if o.Example == nil {
			fault("has no example of its body")
		} else if err := d.check(o.At+"/requestBody/content/application~1json/schema", o.Example); err != nil {
			fault("the example of its body: %v", err)
		}
	}
	return append(list, faultyAnswers(d, o)...)
}

func faultyAnswers(d *description, o *operation) (list []string) {
	succeeds := false
	for status, declared := range o.Responses {
		succeeds = succeeds || status < "400"
		if at[string](declared, "description") == "" {
			list = append(list, status+" has no description")
		}
		for kind, body := range at[map[string]any](declared, "content") {
			examples := map[string]any{}
			if example, has := body.(map[string]any)["example"]; has {
				examples["example"] = example
			}
			for name, e := range at[map[string]any](body, "examples") {
				examples[name] = at[any](e, "value")
			}
			if len(examples) == 0 && kind == "application/json" {
				list = append(list, status+" has no example")
			}
			for name, example := range examples {
				pointer := o.At + "/responses/" + status + "/content/" + escape(kind) + "/schema"
				if err := d.check(pointer, example); err != nil {
					list = append(list, fmt.Sprintf("%s, %s: %v", status, name, err))
				}
			}
		}
	}
	if !succeeds {
		list = append(list, "cannot succeed")
	}
	return list
}

func TestDocumentIsConsistent(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	if version := at[string](d.raw, "openapi"); version != "3.1.0" {
		t.Errorf("openapi is %q", version)
	}
	for _, field := range []string{"title", "version", "description"} {
		if at[string](d.raw, "info", field) == "" {
			t.Errorf("info has no %s", field)
		}
	}
	for name := range at[map[string]any](d.raw, "components", "schemas") {
		if !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(name) {
			t.Errorf("the schema's name %q is not allowed", name)
		}
		if _, err := d.schemas.Compile(documentURL + "#/components/schemas/" + name); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
	var walk func(where string, v any)
	walk = func(where string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, is := v["$ref"].(string); is && at[any](d.raw, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
				t.Errorf("%s: %s leads nowhere", where, ref)
			}
			for name, inner := range v {
				walk(where+"/"+name, inner)
			}
		case []any:
			for _, inner := range v {
				walk(where, inner)
			}
		}
	}
	walk("#", d.raw)
	for _, o := range d.operations {
		for _, s := range at[[]any](o.raw, "security") {
			for name := range s.(map[string]any) {
				if at[any](d.raw, "components", "securitySchemes", name) == nil {
					t.Errorf("%s: there is no way %q to say who asks", o.ID, name)
				}
			}
		}
	}
}

func TestDescriptionCanBeCached(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	first := w.send(request{Method: "GET", Path: "/openapi.json"})
	if cache := first.Header.Get("Cache-Control"); !strings.HasPrefix(cache, "public") {
		t.Errorf("Cache-Control %q", cache)
	}
	again := w.send(
		request{Method: "GET", Path: "/openapi.json", Header: map[string]string{"If-None-Match": first.Header.Get("Etag")}})
	if again.Status != http.StatusNotModified || len(again.Body) > 0 {
		t.Errorf("asked again: %d with %d bytes", again.Status, len(again.Body))
	}
	page := w.send(request{Method: "GET", Path: "/docs"})
	if page.Status != http.StatusOK || !strings.Contains(page.Body, `id="createContent"`) {
		t.Errorf("/docs: %d, %d bytes", page.Status, len(page.Body))
	}
	if policy := page.Header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") ||
		!strings.Contains(policy, "default-src 'none'") {
		t.Errorf("/docs has the policy %q", policy)
	}
}

func TestEveryExampleWorks(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	replayed := 0
	for _, name := range d.names() {
		o := d.operations[name]
		f, known := fixtures[name]
		if !known {
			t.Errorf("%s (%s %s) has no fixture: its example was not replayed", name, o.Method, o.Path)
			continue
		}
		if t.Run(name, func(t *testing.T) {
			a := w.in(t).replay(o, f.actor, f.state)
			if a.Status >= 400 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			if err := d.fits(o, a); err != nil {
				t.Errorf("%d: %v\n%s", a.Status, err, a.Body)
			}
		}) {
			replayed++
		}
	}
	t.Logf("%d of %d examples replayed", replayed, len(d.operations))
}

func TestEveryDeclaredLimitOfAFieldIsEnforced(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	d := w.describe()
	tried := 0
	for _, name := range d.names() {
		o := d.operations[name]
		f, known := fixtures[name]
		if !known || o.Type != "application/json" || len(at[map[string]any](o.Schema, "properties")) == 0 || f.tolerant {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := w.in(t).stage()
			s.enter(f.state)
			for _, b := range d.breaches("", o.Schema) {
				tried++
				body := f.body(s, o)
				b.put(body)
				a := s.ask(o, f.actor, body)
				if a.Status != http.StatusBadRequest || !blames(a, b.path) {
					t.Errorf("%s %s: %d %s", b.path, b.what, a.Status, a.Body)
				}
			}
		})
	}
	t.Logf("%d breaches tried", tried)
}

func blames(a answer, path string) bool {
	details, _ := a.At("error.details").([]any)
	return slices.ContainsFunc(details, func(f any) bool {
		blamed := at[string](f, "path")
		return blamed == path || strings.HasPrefix(blamed, path+".")
	})
}

// breach is one way to break a limit.
type breach struct {
	path, what string
	put        func(body map[string]any)
}

// breaches are values just beyond the limits of an object's fields.
func (d *description) breaches(prefix string, object map[string]any) (list []breach) {
	required := at[[]any](object, "required")
	for name, property := range at[map[string]any](object, "properties") {
		schema := d.resolve(property.(map[string]any))
		path := prefix + name
		add := func(what string, value any) {
			list = append(list, breach{path, what, func(body map[string]any) { place(body, path, value) }})
		}
		if slices.Contains(required, any(name)) && prefix == "" {
			list = append(list, breach{path, "absent", func(body map[string]any) { delete(body, name) }})
		}
		for what, value := range beyond(schema) {
			add(what, value)
		}
		if n, limited := whole(schema, "maxItems"); limited {
			add("too many", many(n+1, d.resolve(at[map[string]any](schema, "items"))))
		}
		switch {
		case at[any](schema, "items") != nil:
			for what, value := range beyond(d.resolve(at[map[string]any](schema, "items"))) {
				inner := path + ".0"
				list = append(list, breach{inner, what, func(body map[string]any) { place(body, path, []any{value}) }})
			}
		case at[any](schema, "properties") != nil:
			list = append(list, d.breaches(path+".", schema)...)
		}
	}
	return list
}

// place puts a value at a dotted path.
func place(body map[string]any, path string, value any) {
	first, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		body[first] = value
		return
	}
	inner, _ := body[first].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
		body[first] = inner
	}
	place(inner, rest, value)
}

// beyond are values that a schema rejects, by the limit they break. The empty value
// of a field that may be absent is left out: it is the same as absent.
func beyond(schema map[string]any) map[string]any {
	values := map[string]any{}
	number := func(name string) (int, bool) { return whole(schema, name) }
	if n, ok := number("minLength"); ok && n > 1 {
		values["too short"] = strings.Repeat("a", n-1)
	}
	if n, ok := number("maxLength"); ok {
		values["too long"] = strings.Repeat("a", n+1)
	}
	if n, ok := number("minimum"); ok {
		values["too small"] = min(n-1, -1)
		if n < 0 {
			values["too small"] = n - 1
		}
	}
	if n, ok := number("maximum"); ok {
		values["too large"] = n + 1
	}
	if n, ok := number("minItems"); ok && n > 1 {
		values["too few"] = make([]any, n-1)
	}
	if schema["enum"] != nil {
		values["none of those"] = "no-such-value"
	}
	if schema["pattern"] != nil {
		values["of another form"] = "!! ?"
	}
	if schema["format"] != nil {
		values["of another format"] = "!! ?"
	}
	return values
}

// whole returns a whole number of a schema.
func whole(schema map[string]any, name string) (int, bool) {
	n, ok := schema[name].(json.Number)
	i, _ := n.Int64()
	return int(i), ok
}

// many returns a list of items that are all of the right type.
func many(n int, schema map[string]any) []any {
	list := make([]any, n)
	for i := range list {
		switch schema["type"] {
		case "string":
			list[i] = "0197f0c2-6f3a-7c1e-9d55-3a1f8e6b2c40"
		case "integer", "number":
			list[i] = 1
		}
	}
	return list
}
