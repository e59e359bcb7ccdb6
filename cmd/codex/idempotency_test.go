package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The platform is killed while requests with keys are in flight. Their clients send
// them again, and each happened once.
func TestAKillBetweenAcceptAndResponseRepeatsNothing(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := startUp(t, data)
	c := newClient(t, first.addresses["api"])
	c.signUp("again@example.com", "creator")
	post := func(base, key string, async bool) (int, string, error) {
		request, err := http.NewRequest(http.MethodPost, base+"/api/content",
			strings.NewReader(`{"title":"Again","slug":"`+key+`","contentType":"written","contentBody":"w"}`))
		if err != nil {
			return 0, "", err
		}
		request.Header.Set("Cookie", "codex-session="+c.cookie)
		request.Header.Set("Idempotency-Key", key)
		if async {
			request.Header.Set("Prefer", "respond-async")
		}
		response, err := c.http.Do(request)
		if err != nil {
			return 0, "", err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return response.StatusCode, string(body), err
	}
	var (
		mu       sync.Mutex
		answered = map[string]string{} // the answer by key; "" when there was none, or 202
		working  sync.WaitGroup
	)
	enough := make(chan struct{})
	for worker := range 8 {
		working.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("again-%d-%d", worker, i)
				mu.Lock()
				answered[key] = ""
				if len(answered) == 100 {
					close(enough)
				}
				mu.Unlock()
				status, body, err := post(first.addresses["api"], key, i%3 == 0)
				if err != nil {
					return // killed
				}
				if status != http.StatusCreated && status != http.StatusAccepted {
					t.Errorf("%s: %d %s", key, status, body)
				}
				if status == http.StatusCreated {
					mu.Lock()
					answered[key] = body
					mu.Unlock()
				}
			}
		})
	}
	<-enough
	first.kill(t)
	working.Wait()

	second := startUp(t, data)
	c.base = second.addresses["api"]
	for key, before := range answered {
		status, body, err := post(c.base, key, false)
		if err != nil || status != http.StatusCreated || (before != "" && body != before) {
			t.Errorf("%s again: %d %s (%v), before %q", key, status, body, err, before)
		}
	}
	list := c.want(http.StatusOK, http.MethodGet, "/api/content?limit=1", nil)
	if total := int(field(list, "pagination.total").(float64)); total != len(answered) {
		t.Errorf("%d items of %d keys", total, len(answered))
	}
	t.Logf("%d keys", len(answered))
}
