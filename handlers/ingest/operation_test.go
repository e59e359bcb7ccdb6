package ingest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/s3/s3test"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/ingest"
)

// slowStore assembles a file only when it may.
type slowStore struct {
	ingest.PartsStore
	began chan struct{}
	end   chan struct{}
}

func (s *slowStore) CompleteParts(ctx context.Context, key, upload string, parts []media.Part) error {
	s.began <- struct{}{}
	<-s.end
	return s.PartsStore.CompleteParts(ctx, key, upload, parts)
}

func TestConcurrentCompletionsOfAnUploadInPartsAreOneOperation(t *testing.T) {
	t.Parallel()
	store := &slowStore{began: make(chan struct{}, 9), end: make(chan struct{})}
	h := newHarness(t, options{parts: func(real ingest.PartsStore) ingest.PartsStore {
		store.PartsStore = real
		return store
	}})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", len(mp4Header))
	path := u.OpenParts(id)
	u.SendPart(path, 1, mp4Header)
	header := map[string]string{"Idempotency-Key": "once", "Prefer": "respond-async"}
	first := send(u, http.MethodPost, path+"/complete", header, nil).Want(http.StatusAccepted, "")
	<-store.began
	second := send(u, http.MethodPost, path+"/complete", header, nil).Want(http.StatusAccepted, "")
	place := first.Header.Get("Location")
	if again := second.Header.Get("Location"); place == "" || again != place {
		t.Errorf("operations %q and %q", place, again)
	}
	waiting := make(chan answer, 1)
	go func() {
		waiting <- send(u, http.MethodPost, path+"/complete", map[string]string{"Idempotency-Key": "once"}, nil)
	}()
	close(store.end)
	final := (<-waiting).Want(http.StatusOK, "")
	if final.At("data.success") != true {
		t.Errorf("the request that waited got %s", final.Body)
	}
	operation := u.Ask(http.MethodGet, place, nil).Want(http.StatusOK, "")
	if operation.Text("data.status") != "applied" || operation.Text("data.response.body.data.status") != "uploaded" {
		t.Errorf("operation %s", operation.Body)
	}
	if n := len(store.began) + 1; n != 1 || h.CountEvents(id, "media.uploaded") != 1 {
		t.Errorf("assembled %d times, uploaded %d times", n, h.CountEvents(id, "media.uploaded"))
	}
}

func TestOutageOfTheStoreDuringAnExaminationIsNoOutcome(t *testing.T) {
	t.Parallel()
	var out atomic.Bool
	h := newHarness(t, options{store: func(bucket *s3.Bucket) *s3.Bucket {
		signed := handlertest.Must(bucket.PresignPut(t.Context(), "any", "video/mp4", 1, time.Hour))(t)
		address := handlertest.Must(url.Parse(signed))(t)
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: address.Scheme, Host: address.Host})
			r.Out.Host = r.In.Host // it is signed
		}}
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if out.Load() {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			proxy.ServeHTTP(rw, r)
		}))
		t.Cleanup(server.Close)
		client := handlertest.Must(s3.Open(s3.Config{
			Endpoint:  server.URL,
			Region:    s3test.Region,
			AccessKey: s3test.AccessKey,
			SecretKey: s3test.SecretKey,
		}))(t)
		t.Cleanup(client.Close)
		return client.Bucket(s3test.MediaBucket)
	}})
	u := h.Uploader("creator")
	id, _ := u.Register("video/mp4", len(mp4Header))
	path := u.OpenParts(id)
	u.SendPart(path, 1, mp4Header)
	header := map[string]string{"Idempotency-Key": "once"}
	out.Store(true)
	send(u, http.MethodPost, path+"/complete", header, nil).Want(http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE")
	send(u, http.MethodPost, path+"/complete", header, []byte(`{"parts":[{"partNumber":1,"etag":"another"}]}`)).
		Want(http.StatusUnprocessableEntity, "IDEMPOTENCY_KEY_REUSED")
	out.Store(false)
	done := send(u, http.MethodPost, path+"/complete", header, nil).Want(http.StatusOK, "")
	if done.At("data.success") != true || h.CountEvents(id, "media.uploaded") != 1 {
		t.Errorf("completed %s", done.Body)
	}
}
