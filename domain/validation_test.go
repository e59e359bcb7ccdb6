package domain_test

import (
	"reflect"
	"testing"

	"github.com/codex-platform/codex/domain"
)

func TestAValidationKeepsTheFirstRefusalOfAField(t *testing.T) {
	t.Parallel()
	request := struct {
		Name  string                  `json:"name" jsonschema:"required,maxLength=3"`
		Title string                  `json:"title"`
		Image domain.Optional[string] `json:"image,omitzero"`
	}{
		Name:  "Ada\nLovelace",
		Title: "one\ntwo",
		Image: domain.Optional[string]{Set: true},
	}
	v := domain.Validate(&request)
	v.Name("name", request.Name)
	v.Name("title", request.Title)
	domain.NotNull(v, "image", request.Image)

	var paths []string
	for _, field := range v.Fields {
		paths = append(paths, field.Path)
	}
	if want := []string{"name", "title", "image"}; !reflect.DeepEqual(paths, want) {
		t.Fatalf("refused %v, want %v", v.Fields, want)
	}
	if v.Fields[0].Message == v.Fields[1].Message {
		t.Errorf("the length of the name was not refused first: %v", v.Fields)
	}
}

func TestNonEmptyTrimsAndDropsBlankTexts(t *testing.T) {
	t.Parallel()
	text, blank := " a ", " \n "
	if got := domain.NonEmpty(&text); got == nil || *got != "a" {
		t.Errorf("%q became %v", text, got)
	}
	if domain.NonEmpty(&blank) != nil || domain.NonEmpty(nil) != nil {
		t.Error("a blank text is kept")
	}
}
