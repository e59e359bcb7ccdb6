package contract_test

import (
	"net/http"
	"strings"
	"testing"
)

// The catalogue at /docs/errors has an entry for every error that an operation declares,
// and no other.
func TestTheErrorCatalogueCoversEveryOperation(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	page := w.send(request{Method: http.MethodGet, Path: "/docs/errors"})
	entries := map[string]string{}
	for _, entry := range strings.Split(page.Body, `<article class="error" id="`)[1:] {
		id, _, _ := strings.Cut(entry, `"`)
		entries[id], _, _ = strings.Cut(entry, "</article>")
	}

	declared := map[string]bool{}
	for _, path := range at[map[string]any](w.describe().raw, "paths") {
		for _, operation := range path.(map[string]any) {
			for status, response := range at[map[string]any](operation, "responses") {
				examples := at[map[string]any](response, "content", "application/json", "examples")
				for detail, example := range examples {
					code := at[string](example, "value", "error", "code")
					id := strings.TrimSuffix(status+"-"+code+"-"+detail, "-"+code)
					declared[id] = true
					if link := "/docs#" + at[string](operation, "operationId") + `"`; !strings.Contains(entries[id], link) {
						t.Errorf("%s does not name %s", id, link)
					}
				}
			}
		}
	}
	if len(declared) != len(entries) {
		t.Errorf("%d errors are declared, %d are in the catalogue", len(declared), len(entries))
	}
	t.Logf("%d errors", len(entries))
}
