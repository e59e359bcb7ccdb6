package payments_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// locked makes every write to a table wait until the returned function is called.
func (w *harness) locked(table string) (unlock func()) {
	w.Helper()
	tx := handlertest.Must(w.Pool.Begin(w.Context()))(w)
	if _, err := tx.Exec(w.Context(), `LOCK TABLE `+table+` IN EXCLUSIVE MODE`); err != nil {
		w.Fatal(err)
	}
	unlock = sync.OnceFunc(func() {
		if err := tx.Rollback(w.Context()); err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(unlock)
	return unlock
}

func TestABurstOfWebhooksIsStoredWhilePurchasesCannotBeWritten(t *testing.T) {
	t.Parallel()
	const burst = 300
	w := newHarness(t)
	content := w.piece(2999)
	hooks := make([]hook, burst)
	for i := range hooks {
		hooks[i] = paidSession(w, w.User("customer"), content, intentID(), 2999)
	}
	unlock := w.locked("purchases")

	w.deliverAll(hooks)
	if n := w.Number(`SELECT count(*) FROM stripe_events`); n != burst {
		t.Errorf("%d events are stored, want %d", n, burst)
	}
	if n := w.Number(`SELECT count(*) FROM commands WHERE status = 'accepted'`); n != burst {
		t.Errorf("%d commands are accepted, want %d", n, burst)
	}

	unlock()
	w.Eventually(burst, `SELECT count(*) FROM content_access WHERE deleted_at IS NULL`)
	if n := w.Number(`SELECT count(*) FROM stripe_events WHERE result = 'purchase'`); n != burst {
		t.Errorf("%d events have their result, want %d", n, burst)
	}
}

func TestABacklogOfWebhooksShortensTheWait(t *testing.T) {
	t.Parallel()
	const places, burst = 10, 40
	w := newHarness(t)
	cfg := w.config
	cfg.MaxWaiting = places
	small := w.serve(cfg)
	user, content := w.User("customer"), w.piece(2999)
	unlock := w.locked("payments")
	var answered sync.WaitGroup
	var left atomic.Int64
	for range burst {
		answered.Go(func() {
			small.deliver(paidSession(w, user, content, intentID(), 2999))
			left.Add(1)
		})
	}
	w.Until("all webhooks are answered while nothing is applied", func() bool { return left.Load() == burst })
	unlock()
	answered.Wait()
	w.Eventually(burst, `SELECT count(*) FROM stripe_events WHERE processed_at IS NOT NULL`)
	if n := w.Number(`SELECT count(*) FROM purchases`); n != 1 {
		t.Errorf("%d purchases", n)
	}
}

func TestWaitingForAPurchaseHoldsNoConnection(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	content := w.piece(2999)
	hooks := make([]hook, 100)
	for i := range hooks {
		hooks[i] = paidSession(w, w.User("customer"), content, intentID(), 2999)
	}
	unlock := w.locked("purchases")
	var answered sync.WaitGroup
	answered.Go(func() { w.deliverAll(hooks) })
	w.Eventually(len(hooks), `SELECT count(*) FROM commands WHERE status = 'accepted'`)
	if got := w.request(http.MethodGet, "/purchases", w.User("customer"), nil); got.Status != http.StatusOK {
		t.Errorf("a read responds with %d while webhooks wait", got.Status)
	}
	unlock()
	answered.Wait()
}

// deliverAll posts webhooks at once; all must be accepted.
func (w *harness) deliverAll(hooks []hook) {
	w.Helper()
	var all sync.WaitGroup
	for _, h := range hooks {
		all.Go(func() { w.deliver(h) })
	}
	all.Wait()
}
