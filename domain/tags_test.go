package domain_test

import (
	"reflect"
	"testing"

	"github.com/codex-platform/codex/domain"
)

type base struct {
	ID string `json:"id" jsonschema:"required,format=uuid"`
}

func TestPropertiesAreTheFieldsThatJSONSees(t *testing.T) {
	t.Parallel()
	type page struct {
		base
		Title  string   `json:"title" jsonschema:"required,minLength=1,maxLength=9,example=River" doc:"what it is called"`
		Tags   []string `json:"tags,omitempty" jsonschema:"maxItems=2,nullable" each:"pattern=^[a-z]+$" rule:"lower case"`
		Rank   *int     `json:"rank,omitzero" jsonschema:"minimum=1,maximum=5"`
		Kind   string   `json:",omitempty" jsonschema:"enum=a,enum=b"`
		Secret string   `json:"-"`
		hidden string
	}
	_ = page{hidden: ""}.hidden

	number := func(n int) *int { return &n }
	got := domain.PropertiesOf(reflect.TypeFor[page]())
	want := []domain.Property{
		{Index: 0},
		{
			Index:  1,
			Name:   "title",
			Limits: domain.Limits{Required: true, MinLength: number(1), MaxLength: number(9), Examples: []string{"River"}},
			Doc:    "what it is called",
		},
		{
			Index:   2,
			Name:    "tags",
			Omitted: true,
			Limits:  domain.Limits{Nullable: true, MaxItems: number(2)},
			Each:    domain.Limits{Pattern: "^[a-z]+$"},
			Rule:    "lower case",
		},
		{Index: 3, Name: "rank", Omitted: true, Limits: domain.Limits{Minimum: number(1), Maximum: number(5)}},
		{Index: 4, Name: "Kind", Omitted: true, Limits: domain.Limits{Enum: []string{"a", "b"}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if bad := domain.Check(page{base: base{ID: "x"}, Title: "River"}); len(bad) != 1 || bad[0].Path != "id" {
		t.Errorf("an embedded field is not checked: %v", bad)
	}
}

func TestATagThatIsNotUnderstoodIsRefused(t *testing.T) {
	t.Parallel()
	for name, example := range map[string]any{
		"unknown": struct {
			A string `jsonschema:"maxlength=3"`
		}{},
		"no number": struct {
			A string `jsonschema:"maxLength=three"`
		}{},
		"a comma": struct {
			A string `jsonschema:"example=one, two"`
		}{},
		"of each item": struct {
			A []string `each:"max=3"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			domain.PropertiesOf(reflect.TypeOf(example))
		}()
	}
}
