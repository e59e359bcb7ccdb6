package demo

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOnlyRequestsWithACookieSayTheirOrigin(t *testing.T) {
	t.Parallel()
	var origins []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origins = append(origins, r.Header.Get("Origin"))
		http.SetCookie(w, &http.Cookie{Name: "codex-session", Value: "x", Path: "/"})
	}))
	defer server.Close()
	c := newClient(server.URL + "/")
	for range 2 {
		if _, err := c.must(t.Context(), http.StatusOK, http.MethodPost, "/", nil); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"", server.URL}; !slices.Equal(origins, want) {
		t.Errorf("got %q, want %q", origins, want)
	}
}

func TestAnErrorIsReportedByItsCode(t *testing.T) {
	t.Parallel()
	a := response{
		asked:  "GET /x",
		status: 403,
		body:   []byte(`{"error":{"code":"ACCESS_DENIED","message":"Buy it first"}}`),
	}
	if err := a.expectDenied(); err != nil {
		t.Error(err)
	}
	for _, other := range []response{
		{status: 403, body: []byte(`{"error":{"code":"FORBIDDEN"}}`)},
		{status: 500, body: a.body},
		{status: 403},
	} {
		if other.expectDenied() == nil {
			t.Errorf("%s was accepted", other.summary())
		}
	}
	err := a.expect(200)
	if err == nil || err.Error() != "expected 200 from GET /x, got 403 ACCESS_DENIED (Buy it first)" {
		t.Errorf("got %v", err)
	}
}

func TestEnvelopesAreRequired(t *testing.T) {
	t.Parallel()
	type thing struct{ ID string }
	if got, err := one[thing](response{body: []byte(`{"data":{"id":"a"}}`)}); err != nil || got.ID != "a" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := one[thing](response{body: []byte(`{"id":"a"}`)}); err == nil {
		t.Error("a resource without an envelope was accepted")
	}
	if got, err := many[thing](response{body: []byte(`{"items":[],"pagination":{}}`)}); err != nil || len(got) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := many[thing](response{body: []byte(`[]`)}); err == nil {
		t.Error("a list without an envelope was accepted")
	}
}

func TestThePayButtonIsFoundOnThePage(t *testing.T) {
	t.Parallel()
	page := []byte(`
<form method="post" action="/c/pay/cs_1/pay?a=1&amp;b=2">
<button class="main">Pay &pound;29.99</button>
</form>
<form method="post" action="/c/pay/cs_1/decline">
<input type="hidden" name="status" value="won"><button>Decline the card</button>
</form>`)
	got := forms(page)
	if len(got) != 2 || got[0].button != "Pay £29.99" ||
		got[1].button != "Decline the card" || got[1].fields.Get("status") != "won" {
		t.Fatalf("got %+v", got)
	}
	f, err := got[0].on("http://pay.test/c/pay/cs_1")
	if err != nil || f.action != "http://pay.test/c/pay/cs_1/pay?a=1&b=2" {
		t.Errorf("got %q, %v", f.action, err)
	}
}

func TestUntilReturnsTheLastError(t *testing.T) {
	t.Parallel()
	seen := errors.New("still closed")
	err := until(t.Context(), 20*time.Millisecond, func(context.Context) (bool, error) { return false, seen })
	if !errors.Is(err, seen) {
		t.Errorf("got %v", err)
	}
	tries := 0
	err = until(t.Context(), time.Minute, func(context.Context) (bool, error) { tries++; return tries == 3, nil })
	if err != nil || tries != 3 {
		t.Errorf("got %v after %d tries", err, tries)
	}
}

func TestATemporaryPlatformInheritsNoConfiguration(t *testing.T) {
	t.Parallel()
	got := withoutConfiguration([]string{
		"PATH=/bin",
		"CODEX_DATABASE_URL=postgres://real",
		"STRIPE_SECRET_KEY=sk_live",
		"CODEX_CACHE_DIR=/c",
		"CODEX_CURRENCY=kwd",
	})
	if want := []string{"PATH=/bin", "CODEX_CACHE_DIR=/c", "CODEX_CURRENCY=kwd"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOnlyTheEndOfALongOutputIsKept(t *testing.T) {
	t.Parallel()
	var out tail
	for range 3 {
		_, _ = out.Write([]byte(strings.Repeat("x", tailLimit)))
	}
	_, _ = out.Write([]byte("the end"))
	if s := out.String(); len(s) != tailLimit || !strings.HasSuffix(s, "xthe end") {
		t.Errorf("kept %d bytes, ending in %q", len(s), s[len(s)-10:])
	}
}
