package edge_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/codex-platform/codex/handlers/edge"
)

func TestDevelopmentAnswersLoopbackHostsOnly(t *testing.T) {
	t.Parallel()
	development := newHarness(t, options{change: func(cfg *edge.Config) { cfg.Development = true }})
	production := newHarness(t, options{})
	for host, allowed := range map[string]bool{
		"localhost":              true,
		"LOCALHOST:8080":         true,
		"app.localhost:3000":     true,
		"127.0.0.1:8080":         true,
		"127.9.9.9":              true,
		"[::1]:8080":             true,
		"[::1]":                  true,
		"rebound.example:8080":   false,
		"localhost.example":      false,
		"127.0.0.1.example":      false,
		"127.0.0.1.nip.io":       false,
		"192.168.0.7:8080":       false,
		"0.0.0.0:8080":           false,
		"[::ffff:10.0.0.1]:8080": false,
	} {
		for _, path := range []string{discover, "/health", "/page", "/nothing"} {
			status := development.send(http.MethodGet, path, nil, "Host", host)
			refused := status.Status == http.StatusForbidden && strings.Contains(status.Body, "HOST_NOT_ALLOWED")
			if refused == allowed {
				t.Errorf("development, %s at host %s: %d %s", path, host, status.Status, status.Body)
			}
			if other := production.send(http.MethodGet, path, nil, "Host", host); other.Status == http.StatusForbidden {
				t.Errorf("production, %s at host %s: %d %s", path, host, other.Status, other.Body)
			}
		}
	}
}

func TestTextThatIsNoUTF8IsRejectedWhereverItStands(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	creator := w.Session(w.User("creator"))
	const bad, field = "\xff\xfe", "VALIDATION_ERROR"
	for name, send := range map[string]struct {
		method, path string
		header       []string
		body         any
	}{
		"query":               {http.MethodGet, discover + "?search=%ff%fe", nil, nil},
		"NUL in the query":    {http.MethodGet, discover + "?search=abc%00", nil, nil},
		"undeclared query":    {http.MethodGet, discover + "?other=%c3%28", nil, nil},
		"name in the query":   {http.MethodGet, discover + "?%ff=1", nil, nil},
		"escape in the query": {http.MethodGet, discover + "?search=%zz", nil, nil},
		"path":                {http.MethodGet, "/api/content/%ff%fe", nil, nil},
		"NUL in the path":     {http.MethodGet, "/api/content/%00", nil, nil},
		"path of no route":    {http.MethodGet, "/nothing/%ff", nil, nil},
		"user agent":          {http.MethodGet, discover, []string{"User-Agent", bad}, nil},
		"cookie":              {http.MethodGet, discover, []string{"Cookie", "codex-session=" + bad}, nil},
		"key":                 {http.MethodPost, "/api/content", []string{"Idempotency-Key", bad}, map[string]string{}},
		"origin":              {http.MethodGet, discover, []string{"Origin", "http://" + bad}, nil},
		"authorization":       {http.MethodGet, discover, []string{"Authorization", "Bearer " + bad}, nil},
		"trace":               {http.MethodGet, discover, []string{"Traceparent", bad}, nil},
		"body":                {http.MethodPost, "/api/content", nil, `{"title":"` + bad + `"}`},
		"NUL in the body":     {http.MethodPost, "/api/content", nil, `{"title":"a\u0000"}`},
		"surrogate":           {http.MethodPost, "/api/content", nil, `{"title":"\ud800"}`},
		"reversed surrogates": {http.MethodPost, "/api/content", nil, `{"title":"\udc00\ud800"}`},
		"name in the body":    {http.MethodPost, "/api/content", nil, `{"` + bad + `":1}`},
	} {
		header := send.header
		if send.method == http.MethodPost {
			header = append(header, "Cookie", "codex-session="+creator)
		}
		got := w.send(send.method, send.path, send.body, header...)
		if got.Status != http.StatusBadRequest || !strings.Contains(got.Body, field) {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	if got := w.send(http.MethodGet, discover+"?search="+url.QueryEscape("čaj 茶"), nil); got.Status != http.StatusOK {
		t.Errorf("valid text: %d %s", got.Status, got.Body)
	}
}
