package ingest_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestQuotasLimitTheMediaOfACreator(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quota domain.Quota
		size  int
		left  float64
	}{
		"bytes":       {domain.Quota{Bytes: 10_000, OpenUploads: 100, Media: 100}, 3_000, 1_000},
		"openUploads": {domain.Quota{Bytes: 1 << 30, OpenUploads: 3, Media: 100}, 2_000, 0},
		"media":       {domain.Quota{Bytes: 1 << 30, OpenUploads: 100, Media: 3}, 2_000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t, options{quota: c.quota})
			creator, other := w.User("creator"), w.User("creator")
			register := func(user string) handlertest.Answer {
				return w.Send(handlertest.Request{
					Method: http.MethodPost, Path: "/api/media", Session: user, Header: handlertest.Pairs("Origin", w.URL),
					Body: map[string]any{
						"title": "A film", "mediaType": "video", "mimeType": "video/mp4", "fileSizeBytes": c.size,
					},
				})
			}
			var mu sync.Mutex
			var all sync.WaitGroup
			var made, rejected []handlertest.Answer
			for range 10 {
				all.Go(func() {
					got := register(creator)
					mu.Lock()
					defer mu.Unlock()
					if got.Status == http.StatusCreated {
						made = append(made, got)
					} else {
						rejected = append(rejected, got)
					}
				})
			}
			all.Wait()
			if len(made) != 3 {
				t.Fatalf("%d of 10 concurrent registrations succeeded", len(made))
			}
			for _, got := range rejected {
				got.Want(http.StatusUnprocessableEntity, "QUOTA_EXCEEDED")
				if got.Text("error.details.context.quota") != name || got.At("error.details.context.left") != c.left {
					t.Errorf("%s", got.Body)
				}
			}
			register(other).Want(http.StatusCreated, "")
			w.Send(handlertest.Request{
				Method: http.MethodDelete, Path: "/api/media/" + made[0].Text("data.id"), Session: creator,
				Header: handlertest.Pairs("Origin", w.URL),
			}).Want(http.StatusNoContent, "")
			register(creator).Want(http.StatusCreated, "")
			register(creator).Want(http.StatusUnprocessableEntity, "QUOTA_EXCEEDED")
		})
	}
}
