package domain_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
)

type order struct {
	Name    string                  `json:"name" jsonschema:"required,minLength=2,maxLength=5"`
	Kind    string                  `json:"kind,omitempty" jsonschema:"enum=a,enum=b,enum=c"`
	Code    *string                 `json:"code,omitempty" jsonschema:"pattern=^[a-z]+$" rule:"must be lower case"`
	Count   int                     `json:"count" jsonschema:"minimum=1,maximum=9"`
	Tags    []string                `json:"tags,omitempty" jsonschema:"maxItems=2" each:"minLength=1"`
	Mail    *string                 `json:"mail,omitempty" jsonschema:"format=email"`
	Page    *string                 `json:"page,omitempty" jsonschema:"format=uri"`
	Owner   *string                 `json:"owner,omitempty" jsonschema:"required,format=uuid"`
	Title   domain.Optional[string] `json:"title,omitzero" jsonschema:"maxLength=3"`
	Nested  *nested                 `json:"nested,omitempty"`
	Members []nested                `json:"members,omitempty"`
	At      time.Time               `json:"at"`
}

type nested struct {
	Low int `json:"low" jsonschema:"minimum=0"`
}

const someone = "0196f1d2-0000-7000-8000-000000000001"

func TestEveryDeclaredLimitIsChecked(t *testing.T) {
	t.Parallel()
	const good = `{"name":"abc","count":1,"owner":"` + someone + `"}`
	for body, want := range map[string]string{
		good:                                    "",
		`{"count":1,"owner":"` + someone + `"}`: "name is required",
		`{"name":"a","count":1}`:                "name must have 2 to 5 characters; owner is required",
		with(good, `"name":"äöüß€"`):            "",
		with(good, `"name":"äöüß€$"`):           "name must have 2 to 5 characters",
		with(good, `"kind":"d"`):                "kind must be a, b or c",
		with(good, `"code":"A"`):                "code must be lower case",
		with(good, `"count":10`):                "count must be from 1 to 9",
		with(good, `"tags":["x","",""]`): "tags must have at most 2 entries; " +
			"tags.1 must have at least 1 characters; tags.2 must have at least 1 characters",
		with(good, `"mail":"x <a@b.test>"`):  "mail must be an e-mail address",
		with(good, `"page":"javascript:x"`):  "page must be an http or https address",
		with(good, `"page":"http://u:p@h/"`): "page must be an http or https address",
		with(good, `"owner":"x"`):            "owner must be a UUID",
		with(good, `"title":null`):           "",
		with(good, `"title":"long"`):         "title must have at most 3 characters",
		with(good, `"nested":{"low":-1}`):    "nested.low must be at least 0",
		with(good, `"members":[{"low":-1}]`): "members.0.low must be at least 0",
	} {
		var o order
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			t.Fatal(body, err)
		}
		var got []string
		for _, f := range domain.Check(&o) {
			got = append(got, f.Path+" "+f.Message)
		}
		slices.Sort(got)
		if text := strings.Join(got, "; "); text != want {
			t.Errorf("%s\n got %q\nwant %q", body, text, want)
		}
	}
}

// with adds a member to a document; the last of two with one name counts.
func with(document, member string) string {
	return strings.TrimSuffix(document, "}") + "," + member + "}"
}
