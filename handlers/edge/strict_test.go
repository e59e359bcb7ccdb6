package edge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// What package json accepts and a client never means.
func TestRequestsAreReadStrictly(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	creator := w.Session(w.User("creator"))
	const valid, kind = `{"title":"A title","contentType":"written"}`, "application/json"
	deep := strings.Repeat(`{"title":`, 33) + "1" + strings.Repeat("}", 33)
	for name, c := range map[string]struct{ method, path, kind, body string }{
		"a name twice":              {http.MethodPost, "", kind, `{"title":"a","title":"b"}`},
		"a name in another case":    {http.MethodPost, "", kind, `{"title":"a","Title":"b"}`},
		"a field that is unknown":   {http.MethodPost, "", kind, `{"title":"a","creatorId":"x"}`},
		"a second document":         {http.MethodPost, "", kind, valid + `{}`},
		"33 levels":                 {http.MethodPost, "", kind, deep},
		"an array":                  {http.MethodPost, "", kind, "[" + valid + "]"},
		"a form":                    {http.MethodPost, "", "multipart/form-data; boundary=x", valid},
		"another character set":     {http.MethodPost, "", kind + "; charset=latin1", valid},
		"a parameter twice":         {http.MethodGet, discover + "?limit=1&limit=2", "", ""},
		"a number out of its range": {http.MethodGet, discover + "?limit=99999999999999999999", "", ""},
	} {
		path, body := c.path, any(nil)
		if c.method == http.MethodPost {
			path, body = "/api/content", []byte(c.body)
		}
		a := w.Send(handlertest.Request{
			Method: c.method,
			Path:   path,
			Body:   body,
			Header: handlertest.Pairs("Cookie", "codex-session="+creator, "Content-Type", c.kind),
		})
		if a.Status != http.StatusBadRequest || a.Code() != "VALIDATION_ERROR" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if n := w.Number(`SELECT count(*) FROM commands`); n != 0 {
		t.Errorf("%d commands", n)
	}
}
