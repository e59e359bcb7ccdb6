package s3_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	"github.com/codex-platform/codex/domain/media/s3"
)

func open(t *testing.T, change func(*s3.Config)) *s3.Bucket {
	t.Helper()
	cfg := s3.Config{Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey}
	if change == nil {
		cfg.Endpoint = s3test.Server(t).Endpoint()
	} else {
		change(&cfg)
	}
	client, err := s3.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client.Bucket(s3test.MediaBucket)
}

func put(t *testing.T, b *s3.Bucket, key, content string) string {
	t.Helper()
	etag, err := b.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), "video/mp4")
	if err != nil {
		t.Fatal(err)
	}
	return etag
}

func TestAnObjectIsReadWholeAndInRanges(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	etag := put(t, b, "a/film.mp4", "0123456789")
	info, err := b.Head(t.Context(), "a/film.mp4")
	if err != nil || info.Size != 10 || info.ETag != etag || info.ContentType != "video/mp4" {
		t.Fatalf("head = %+v, %v", info, err)
	}
	for _, c := range []struct {
		part s3.Range
		want string
	}{
		{s3.Range{}, "0123456789"},
		{s3.Range{Offset: 7}, "789"},
		{s3.Range{Length: 4}, "0123"},
		{s3.Range{Offset: 2, Length: 3}, "234"},
		{s3.Range{Offset: 8, Length: 100}, "89"},
	} {
		got, err := b.Read(t.Context(), "a/film.mp4", c.part, etag, 100)
		if err != nil || string(got) != c.want {
			t.Errorf("read %+v = %q, %v; want %q", c.part, got, err, c.want)
		}
	}
	if _, err := b.Read(t.Context(), "a/film.mp4", s3.Range{}, "", 9); err == nil {
		t.Error("an object above the limit was read")
	}
}

func TestMissingAndChangedObjectsHaveDistinctErrors(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	if _, err := b.Head(t.Context(), "nothing"); !errors.Is(err, s3.ErrNotFound) {
		t.Errorf("head: %v", err)
	}
	if _, err := b.Get(t.Context(), "nothing", s3.Range{}, ""); !errors.Is(err, s3.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	old := put(t, b, "film", "first")
	put(t, b, "film", "second")
	if _, err := b.Get(t.Context(), "film", s3.Range{}, old); !errors.Is(err, s3.ErrChanged) {
		t.Errorf("get of an overwritten version: %v", err)
	}
	if err := b.Delete(t.Context(), "nothing"); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
}

func TestListAndDeleteStayBelowThePrefix(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	for _, key := range []string{"c/hls/1/a", "c/hls/1/b/c", "c/hls/10/a", "c/hls/2/a"} {
		put(t, b, key, "x")
	}
	var keys []string
	err := b.List(t.Context(), "c/hls/1/", func(i s3.Info) error { keys = append(keys, i.Key); return nil })
	if err != nil || strings.Join(keys, " ") != "c/hls/1/a c/hls/1/b/c" {
		t.Fatalf("list = %v, %v", keys, err)
	}
	if n, err := b.DeletePrefix(t.Context(), "c/hls/1/"); err != nil || n != 2 {
		t.Fatalf("delete = %d, %v", n, err)
	}
	if n, err := b.DeletePrefix(t.Context(), "c/hls/1/"); err != nil || n != 0 {
		t.Fatalf("second delete = %d, %v", n, err)
	}
	for _, prefix := range []string{"", "/", "c/hls/1"} {
		if _, err := b.DeletePrefix(t.Context(), prefix); err == nil {
			t.Errorf("prefix %q was accepted", prefix)
		}
	}
	keys = nil
	_ = b.List(t.Context(), "c/", func(i s3.Info) error { keys = append(keys, i.Key); return nil })
	if strings.Join(keys, " ") != "c/hls/10/a c/hls/2/a" {
		t.Errorf("left = %v", keys)
	}
}

func TestJSONIsStoredWithItsContentType(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	if err := b.PutJSON(t.Context(), "x.json", map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	got, err := b.Read(t.Context(), "x.json", s3.Range{}, "", 100)
	info, headErr := b.Head(t.Context(), "x.json")
	if err != nil || headErr != nil || string(got) != `{"a":1}` || info.ContentType != "application/json" {
		t.Errorf("got %s of type %s, %v, %v", got, info.ContentType, err, headErr)
	}
	if err := b.PutJSON(t.Context(), "x.json", func() {}); err == nil {
		t.Error("a function was stored as JSON")
	}
}

func TestAPresignedUploadAcceptsOnlyTheDeclaredFile(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	address, err := b.PresignPut(t.Context(), "up/film.mp4", "video/mp4", 5, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if u, _ := url.Parse(address); u.Query().Get("X-Amz-Expires") != "3600" {
		t.Errorf("expiry in %s", u.Query())
	}
	for _, c := range []struct {
		name, contentType, body string
		status                  int
	}{
		{"another type", "text/html", "12345", http.StatusForbidden},
		{"longer", "video/mp4", "123456", http.StatusForbidden},
		{"shorter", "video/mp4", "1234", http.StatusForbidden},
		{"as declared", "video/mp4", "12345", http.StatusOK},
	} {
		if got := send(t, http.MethodPut, address, c.contentType, c.body); got != c.status {
			t.Errorf("%s: %d, want %d", c.name, got, c.status)
		}
	}
	elsewhere := strings.Replace(address, "film.mp4", "else.mp4", 1)
	if got := send(t, http.MethodPut, elsewhere, "video/mp4", "12345"); got != http.StatusForbidden {
		t.Errorf("another key: %d", got)
	}
	read, err := b.PresignGet(t.Context(), "up/film.mp4", time.Minute)
	if err != nil || send(t, http.MethodGet, read, "", "") != http.StatusOK {
		t.Errorf("presigned get of %s: %v", read, err)
	}
	if got := send(t, http.MethodPut, read, "", "x"); got != http.StatusForbidden {
		t.Errorf("an address for reading was written to: %d", got)
	}
}

func send(t *testing.T, method, address, contentType, content string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestPresigningUsesThePublicHostAndNoNetwork(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *s3.Config) {
		c.Endpoint, c.PublicEndpoint = "http://store.internal:9000", "https://cdn.example"
		c.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			t.Error("the network was used")
			return nil, io.EOF
		})
	})
	address, err := b.PresignGet(t.Context(), "k", time.Minute)
	if err != nil || !strings.HasPrefix(address, "https://cdn.example/"+s3test.MediaBucket+"/k?") {
		t.Errorf("address %s, %v", address, err)
	}
	for _, life := range []time.Duration{0, s3.MaxPresign + time.Second} {
		if _, err := b.PresignGet(t.Context(), "k", life); err == nil {
			t.Errorf("a life of %s was signed", life)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestARequestIsAttemptedThreeTimesWithItsBody(t *testing.T) {
	t.Parallel()
	for name, failures := range map[string]int32{"recovers": 2, "stays unavailable": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			var mu sync.Mutex
			var bodies []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				content, _ := io.ReadAll(r.Body)
				mu.Lock()
				bodies = append(bodies, string(content))
				mu.Unlock()
				if calls.Add(1) <= failures {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			defer server.Close()
			b := open(t, func(c *s3.Config) { c.Endpoint = server.URL })
			_, err := b.Put(t.Context(), "k", strings.NewReader("again"), 5, "text/plain")
			if (err != nil) != (failures == 3) || calls.Load() != 3 {
				t.Errorf("%d calls, error %v", calls.Load(), err)
			}
			if strings.Join(bodies, " ") != "again again again" { //nolint:dupword // three attempts
				t.Errorf("bodies %q", bodies)
			}
		})
	}
}

func TestASlowStoreTimesOut(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	b := open(t, func(c *s3.Config) { c.Endpoint, c.Timeout = server.URL, 100*time.Millisecond })
	start := time.Now()
	_, headErr := b.Head(t.Context(), "k")
	_, getErr := b.Get(t.Context(), "k", s3.Range{}, "")
	if headErr == nil || getErr == nil || time.Since(start) > 3*time.Second {
		t.Errorf("after %s: %v, %v", time.Since(start), headErr, getErr)
	}
	if !errors.Is(getErr, context.DeadlineExceeded) {
		t.Errorf("get: %v", getErr)
	}
}

func TestAFileIsUploadedInPartsAndAFailedUploadIsAborted(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	content := bytes.Repeat([]byte("0123456789abcdef"), 700_000) // 10.7 MiB: three parts of 5 MiB
	size := int64(len(content))
	if err := b.PutParts(t.Context(), "big", bytes.NewReader(content), size, "video/mp4", 5<<20); err != nil {
		t.Fatal(err)
	}
	got, err := b.Read(t.Context(), "big", s3.Range{}, "", 20<<20)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	// A reader that ends early makes the second part fail; nothing may be left.
	short := bytes.NewReader(content[:6<<20])
	if err := b.PutParts(t.Context(), "broken", short, size, "video/mp4", 5<<20); err == nil {
		t.Error("a file that is too short was uploaded")
	}
	if _, err := b.Head(t.Context(), "broken"); !errors.Is(err, s3.ErrNotFound) {
		t.Errorf("head of the broken upload: %v", err)
	}

	path := filepath.Join(t.TempDir(), "small")
	if err := os.WriteFile(path, []byte("small"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.PutFile(t.Context(), "small", path, "text/plain"); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Read(t.Context(), "small", s3.Range{}, "", 100); err != nil || string(got) != "small" {
		t.Errorf("small file = %q, %v", got, err)
	}
}

func TestAStreamIsStoredCompletelyOrNotAtAll(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	whole := io.LimitReader(strings.NewReader("0123456789"), 10)
	if _, err := b.PutStream(t.Context(), "stream", whole, 10, "audio/ogg"); err != nil {
		t.Fatal(err)
	}
	info, err := b.Head(t.Context(), "stream")
	if err != nil || info.Size != 10 || info.ContentType != "audio/ogg" {
		t.Errorf("stored %+v, %v", info, err)
	}
	short := io.LimitReader(strings.NewReader("0123456789"), 5)
	if _, err := b.PutStream(t.Context(), "short", short, 10, "audio/ogg"); err == nil {
		t.Error("a stream that ends early was stored")
	}
	if _, err := b.Head(t.Context(), "short"); !errors.Is(err, s3.ErrNotFound) {
		t.Errorf("head of the short one: %v", err)
	}
}

func TestABadConfigurationIsAClearError(t *testing.T) {
	t.Parallel()
	for _, cfg := range []s3.Config{
		{},
		{Endpoint: "store:9000", AccessKey: "a", SecretKey: "b"},
		{Endpoint: "http://store", PublicEndpoint: "ftp://x", AccessKey: "a", SecretKey: "b"},
		{Endpoint: "http://store"},
	} {
		if _, err := s3.Open(cfg); err == nil || strings.Contains(err.Error(), "\n") {
			encoded, _ := json.Marshal(cfg.Endpoint)
			t.Errorf("configuration %s: %v", encoded, err)
		}
	}
}
