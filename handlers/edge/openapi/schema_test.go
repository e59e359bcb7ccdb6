package openapi_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/edge/openapi"
)

type part struct {
	Name string `json:"name" jsonschema:"required,minLength=1,example=a part"`
}

type thing struct {
	Title  string                    `json:"title" jsonschema:"required,maxLength=5,example=River"`
	Price  *int                      `json:"price,omitempty" jsonschema:"minimum=0,example=3"`
	Kind   domain.Optional[string]   `json:"kind,omitzero" jsonschema:"enum=a,enum=b"`
	Tags   domain.Optional[[]string] `json:"tags,omitzero" jsonschema:"maxItems=2" each:"minLength=1"`
	When   *time.Time                `json:"when"`
	Part   *part                     `json:"part"`
	Hidden string                    `json:"-"`
}

func schemaOf(t *testing.T, of func(*openapi.Schemas, reflect.Type) *openapi.Schema) (text, example string) {
	t.Helper()
	s := &openapi.Schemas{}
	schema := of(s, reflect.TypeFor[thing]())
	raw, err := openapi.Marshal(s.Resolve(schema))
	if err != nil {
		t.Fatal(err)
	}
	made := s.RequestExample(schema)
	sample, err := openapi.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), string(sample)
}

func TestRequestSchemaHasLimitsAndNoFurtherFields(t *testing.T) {
	t.Parallel()
	got, example := schemaOf(t, (*openapi.Schemas).Request)
	want := `{"type":"object","properties":{` +
		`"title":{"type":"string","maxLength":5,"examples":["River"]},` +
		`"price":{"type":"integer","minimum":0,"examples":[3]},` +
		`"kind":{"type":["string","null"],"enum":["a","b",null]},` +
		`"tags":{"type":["array","null"],"maxItems":2,"items":{"type":"string","minLength":1}},` +
		`"when":{"type":"string","format":"date-time"},` +
		`"part":{"$ref":"#/components/schemas/PartOpenapi_test"}},` +
		`"required":["title"],"additionalProperties":false}`
	if got != want {
		t.Errorf("schema\n%s\nwant\n%s", got, want)
	}
	if example != `{"title":"River","price":3}` {
		t.Errorf("example %s", example)
	}
}

func TestResponseSchemaRequiresFieldsAndAllowsNull(t *testing.T) {
	t.Parallel()
	got, _ := schemaOf(t, (*openapi.Schemas).Response)
	want := `{"type":"object","properties":{` +
		`"title":{"type":"string","maxLength":5,"examples":["River"]},` +
		`"price":{"type":"integer","minimum":0,"examples":[3]},` +
		`"kind":{"type":["string","null"],"enum":["a","b",null]},` +
		`"tags":{"type":["array","null"],"maxItems":2,"items":{"type":"string","minLength":1}},` +
		`"when":{"type":["string","null"],"format":"date-time"},` +
		`"part":{"anyOf":[{"$ref":"#/components/schemas/Part"},{"type":"null"}]}},` +
		`"required":["title","when","part"]}`
	if got != want {
		t.Errorf("schema\n%s\nwant\n%s", got, want)
	}
}

func TestOrderedKeepsTheOrderOfMembers(t *testing.T) {
	t.Parallel()
	var o openapi.Ordered[any]
	o.Set("b", 1)
	o.Set("a", "<&>")
	o.Set("b", 2)
	if raw, err := openapi.Marshal(o); err != nil || string(raw) != `{"b":2,"a":"<&>"}` {
		t.Errorf("%s, %v", raw, err)
	}
}
