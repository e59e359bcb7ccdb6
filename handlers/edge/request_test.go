package edge_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// article is a request for written content with this text, already JSON.
func article(slug, text string) string {
	return `{"title":"A long read","slug":"` + slug + `","contentType":"written","contentBody":` + text + `}`
}

func TestTheLongestLegalArticleIsTaken(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{edges: 2, bus: true})
	cookie := w.user("creator")
	const most = 500_000
	for i, c := range []struct {
		slug, text string
		// length is that of the text itself, in bytes.
		length int
	}{
		{"markup", `"` + strings.Repeat("<", most) + `"`, most},
		{"escaped", `"` + strings.Repeat(`\ud834\udd1e`, most) + `"`, 4 * most},
	} {
		a := w.sendTo(i%2, http.MethodPost, "/api/content", article(c.slug, c.text), "Cookie", cookie)
		if a.Status != http.StatusCreated {
			t.Errorf("%s: %d %.200s", c.slug, a.Status, a.Body)
			continue
		}
		var got struct {
			Data struct {
				ID          string `json:"id"`
				ContentBody string `json:"contentBody"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || len(got.Data.ContentBody) != c.length {
			t.Errorf("%s: the answer has a text of %d bytes, want %d (%v)", c.slug, len(got.Data.ContentBody), c.length, err)
		}
		read := w.sendTo((i+1)%2, http.MethodGet, "/api/content/"+got.Data.ID, nil, "Cookie", cookie)
		if read.Status != http.StatusOK || len(read.Body) < c.length {
			t.Errorf("%s: read as %d, %d bytes", c.slug, read.Status, len(read.Body))
		}
	}
	a := w.send(http.MethodPost, "/api/content", article("one-more", `"`+strings.Repeat("a", most+1)+`"`), "Cookie", cookie)
	if a.Status != http.StatusBadRequest || a.Code() != "VALIDATION_ERROR" {
		t.Errorf("one character more: %d %.200s", a.Status, a.Body)
	}
	if n := w.Number(`SELECT count(*) FROM commands WHERE status <> 'applied'`); n != 0 {
		t.Errorf("%d commands were left", n)
	}
}

func TestABodyThatIsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	cookie := w.user("creator")
	for _, c := range []struct {
		what, path string
		length     int
	}{
		{"an article", "/api/content", 7 << 20},
		{"credentials", "/api/auth/sign-in/email", 300 << 10},
	} {
		text := `{"title":"` + strings.Repeat("a", c.length) + `"}`
		if a := w.send(http.MethodPost, c.path, text, "Cookie", cookie); a.Status != http.StatusRequestEntityTooLarge || a.Code() != "PAYLOAD_TOO_LARGE" {
			t.Errorf("%s: %d %s", c.what, a.Status, a.Body)
		}
		// Nothing said beforehand how long it is.
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+c.path, io.MultiReader(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookie)
		if a := w.Do(r); a.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s without a length: %d", c.what, a.Status)
		}
	}
	if n := w.Number(`SELECT count(*) FROM commands`); n != 0 {
		t.Errorf("refused requests left %d commands", n)
	}
}

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	for _, c := range [][2]string{
		{http.MethodGet, "/nothing"},
		{http.MethodPost, "/api"},
		{http.MethodGet, "/api/content/public/discover/"},
		{http.MethodGet, "//"},
		{http.MethodGet, "/api/test/verification-token/a@example.test"},
		{http.MethodPost, "/api/test/fast-register"},
		{http.MethodDelete, "/health"},
		{http.MethodPut, "/api/content"},
		{"PROPFIND", "/api/content"},
		{http.MethodTrace, "/health"},
		{http.MethodOptions, "/nothing"},
		{http.MethodHead, "/nothing"},
	} {
		a := w.send(c[0], c[1], nil)
		if a.Status != http.StatusNotFound || (c[0] != http.MethodHead && a.Code() != "NOT_FOUND") {
			t.Errorf("%s %s: %d %s", c[0], c[1], a.Status, a.Body)
		}
	}
}

func TestHeadIsAnsweredAsGetWithoutTheBody(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	get, head := w.send(http.MethodGet, discover, nil), w.send(http.MethodHead, discover, nil)
	if head.Status != http.StatusOK || len(head.Body) != 0 {
		t.Errorf("%d with %d bytes", head.Status, len(head.Body))
	}
	for _, name := range []string{"Content-Type", "Cache-Control", "Content-Security-Policy", "X-RateLimit-Limit"} {
		if head.Header.Get(name) != get.Header.Get(name) {
			t.Errorf("%s: %q, of GET %q", name, head.Header.Get(name), get.Header.Get(name))
		}
	}
}

func TestOptionsNameTheMethodsOfAPath(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	a := w.send(http.MethodOptions, "/api/content", nil)
	allow := a.Header.Get("Allow")
	if a.Status != http.StatusNoContent || !strings.Contains(allow, "GET") || !strings.Contains(allow, "POST") || strings.Contains(allow, "DELETE") {
		t.Errorf("%d, Allow: %q", a.Status, allow)
	}
}

func TestAPanicIsAnInternalErrorThatShowsNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	a := w.send(http.MethodGet, "/panic", nil, "X-Request-Id", "the-request")
	if a.Status != http.StatusInternalServerError || a.Code() != "INTERNAL_ERROR" ||
		strings.Contains(a.Body, "secret") || !strings.Contains(a.Body, "the-request") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := w.send(http.MethodGet, discover, nil); a.Status != http.StatusOK {
		t.Errorf("afterwards: %d", a.Status)
	}
}

func TestHalfAnAnswerIsNotTakenForAWholeOne(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/half", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if body, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("the answer seems to be whole: %q", body)
	}
}
