package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/web"
)

// shop is a module with two operations, which share an error.
func shop() handlers.Module {
	taken := domain.NewError(domain.Conflict, "NAME_TAKEN", "Another shop has this name")
	closed := &domain.Error{Class: domain.Rule, Code: "SHOP_CLOSED", Message: "This shop is <closed>"}
	return handlers.Module{Name: "shop", Routes: []edge.Route{
		{
			Method:  http.MethodPost,
			Path:    "/api/shops",
			Name:    "openShop",
			Summary: "Open a shop",
			Auth:    edge.Session(),
			Errors:  []*domain.Error{taken},
		},
		{
			Method:  http.MethodPatch,
			Path:    "/api/shops/:id",
			Name:    "renameShop",
			Summary: "Rename a shop",
			Auth:    edge.Session(),
			Errors:  []*domain.Error{taken, closed},
		},
	}}
}

func TestMain(m *testing.M) { handlertest.Main(m) }

func TestTheErrorCatalogueListsEveryDeclaredError(t *testing.T) {
	t.Parallel()
	h := handlertest.New(t, handlertest.Options{})
	h.Install(nil, shop(), web.New(web.Config{Pool: h.Pool}))

	page := h.Send(handlertest.Request{Method: http.MethodGet, Path: "/docs/errors"})
	if page.Status != http.StatusOK {
		t.Fatalf("%d %s", page.Status, page.Body)
	}
	taken := entry(t, page.Body, "409-CONFLICT-NAME_TAKEN")
	for _, want := range []string{
		"<code>CONFLICT</code>", "Another shop has this name", `href="/docs#openShop"`, `href="/docs#renameShop"`,
	} {
		if !strings.Contains(taken, want) {
			t.Errorf("NAME_TAKEN lacks %s:\n%s", want, taken)
		}
	}
	closed := entry(t, page.Body, "422-SHOP_CLOSED")
	if !strings.Contains(closed, "This shop is &lt;closed&gt;") || strings.Contains(closed, "openShop") {
		t.Errorf("SHOP_CLOSED:\n%s", closed)
	}

	// These follow from the method and the authentication; no route names them.
	for _, id := range []string{
		"400-VALIDATION_ERROR", "401-UNAUTHORIZED", "403-FORBIDDEN-CROSS_ORIGIN", "500-INTERNAL_ERROR",
	} {
		if implied := entry(t, page.Body, id); !strings.Contains(implied, "/docs#openShop") {
			t.Errorf("%s does not name the operation:\n%s", id, implied)
		}
	}
}

func TestTheReferenceLinksEveryErrorToTheCatalogue(t *testing.T) {
	t.Parallel()
	h := handlertest.New(t, handlertest.Options{})
	h.Install(nil, shop(), web.New(web.Config{Pool: h.Pool}))

	reference := h.Send(handlertest.Request{Method: http.MethodGet, Path: "/docs"})
	catalogue := h.Send(handlertest.Request{Method: http.MethodGet, Path: "/docs/errors"})
	links := strings.Split(reference.Body, `href="/docs/errors#`)[1:]
	if len(links) == 0 {
		t.Fatal("no links")
	}
	for _, link := range links {
		id, _, _ := strings.Cut(link, `"`)
		entry(t, catalogue.Body, id)
	}
	const header = "Content-Security-Policy"
	for _, policy := range []string{reference.Header.Get(header), catalogue.Header.Get(header)} {
		if !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("policy %q", policy)
		}
	}
}

// entry returns the part of the catalogue that describes one error.
func entry(t *testing.T, page, id string) string {
	t.Helper()
	_, after, found := strings.Cut(page, `<article class="error" id="`+id+`">`)
	if !found {
		t.Fatalf("the catalogue lacks %s", id)
	}
	body, _, _ := strings.Cut(after, "</article>")
	return body
}
