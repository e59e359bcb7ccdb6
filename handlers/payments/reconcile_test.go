package payments_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/payments"
)

// ignoreEvents makes the provider's events so far useless to the reconciliation: they are
// stored, and without an effect.
func (w *harness) ignoreEvents() {
	w.Helper()
	list := handlertest.Must(w.Stripe.ListEvents(w.Context(), time.Now().Add(-time.Hour), nil))(w)
	for _, e := range list.Events {
		w.Exec(`
INSERT INTO stripe_events (event_id, type, created, payload, processed_at, result)
VALUES ($1, $2, now(), '', now(), 'ignored') ON CONFLICT DO NOTHING`, e.ID, e.Type)
	}
}

// reconcile does a round now.
func (w *harness) reconcile(cfg payments.Config) payments.Repaired {
	w.Helper()
	return handlertest.Must(payments.Reconcile(w.Context(), cfg))(w)
}

func TestAPaidSessionWithoutAnyEventOpensAccessBeforeItsCheckoutEnds(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, other, content := w.User("customer"), w.User("customer"), w.piece(2999)
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always})
	session := w.sessionOf(w.checkout(user, content))
	w.sessionOf(w.checkout(other, content))
	w.control("sessions/"+session+"/pay", nil)
	w.ignoreEvents()

	if n := w.run(w.module, "payments.reconcile"); n != 1 {
		t.Errorf("repaired %d, want 1", n)
	}
	w.Eventually(1, `SELECT count(*) FROM content_access WHERE user_id = $1 AND deleted_at IS NULL`, user)
	if n := w.Number(`SELECT count(*) FROM checkouts WHERE status = 'open'`); n != 1 {
		t.Errorf("%d checkouts are open, want the unpaid one", n)
	}
}

func TestAStoredEventWhoseCommandWasLostIsAppliedByTheNextReconciliation(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	h := paidSession(w, w.User("customer"), w.piece(2999), "pi_forgotten", 2999)
	conn := handlertest.Must(bus.Connect(w.Bus.URL(), "cut off", w.Logger))(t)
	cfg := w.config
	cfg.Dispatcher = handlertest.Must(bus.NewDispatcher(conn, handlertest.Keys(), uuid.NewString(), 2, w.Logger))(t)
	conn.Close()
	w.serve(cfg).deliver(h)
	w.Exec(`DELETE FROM commands`)

	if done := w.reconcile(w.config); done.Commands != 0 {
		t.Errorf("%+v: an event that was received just now is not late", done)
	}
	w.Pass(time.Minute)
	if done := w.reconcile(w.config); done.Commands != 1 {
		t.Errorf("%+v, want one command", done)
	}
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'completed'`)
	w.Eventually(1, `SELECT count(*) FROM stripe_events WHERE result = 'purchase'`)
}

func TestTheWatermarkMovesWithoutNewEvents(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	seen := func() time.Time {
		return handlertest.Value[time.Time](w.Harness, `SELECT seen_until FROM stripe_watermark`)
	}
	w.reconcile(w.config)
	first := seen()
	w.Pass(10 * time.Minute)
	w.reconcile(w.config)
	if second := seen(); second.Sub(first) < 10*time.Minute {
		t.Errorf("the watermark went from %s to %s", first, second)
	}
}

// throughProxy returns the configuration with a provider whose responses change changes.
func (w *harness) throughProxy(change func(*http.Response) error) payments.Config {
	w.Helper()
	target := handlertest.Must(url.Parse(w.Sandbox.URL()))(w)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: change,
	})
	w.Cleanup(server.Close)
	cfg := w.config
	cfg.Stripe = handlertest.Must(stripe.New(stripe.Config{SecretKey: "sk_test_harness", BackendURL: server.URL}))(w)
	w.Cleanup(cfg.Stripe.Close)
	return cfg
}

func TestAnUnreadableEventDoesNotHoldUpTheListing(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	user, content := w.User("customer"), w.piece(2999)
	w.Sandbox.SetFaults(sandbox.Faults{Drops: sandbox.Always})
	session := w.sessionOf(w.checkout(user, content))
	w.control("sessions/"+session+"/pay", nil)

	cfg := w.throughProxy(func(r *http.Response) error {
		if r.Request.URL.Path != "/v1/events" {
			return nil
		}
		var page map[string]any
		if err := json.NewDecoder(r.Body).Decode(&page); err != nil {
			return err
		}
		data, _ := page["data"].([]any)
		page["data"] = append([]any{
			map[string]any{"id": "evt_unreadable", "type": "checkout.session.completed", "created": 1.5},
			map[string]any{"id": "evt bad", "type": "charge.refunded", "created": time.Now().Unix()},
			"nothing",
		}, data...)
		body, err := json.Marshal(page)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return err
	})
	if done := w.reconcile(cfg); done.Events != 1 {
		t.Errorf("%+v, want one event", done)
	}
	w.Eventually(1, `SELECT count(*) FROM purchases WHERE status = 'completed'`)
	if n := w.Number(`SELECT count(*) FROM dead_letters WHERE consumer = 'webhooks'`); n != 3 {
		t.Errorf("%d dead letters, want 3", n)
	}
	if got := w.text(`SELECT result FROM stripe_events WHERE event_id = 'evt_unreadable'`); got != "unreadable" {
		t.Errorf("result %q", got)
	}
	if n := w.Number(`SELECT count(*) FROM stripe_watermark WHERE seen_until > now() - interval '1 minute'`); n != 1 {
		t.Error("the watermark did not move")
	}
}

func TestOverdueCheckoutsThatFailDoNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	const failing = 100
	w := newHarness(t)
	content := w.piece(2999)
	last := w.sessionOf(w.checkout(w.User("customer"), content))
	for i := range failing {
		w.Exec(`
INSERT INTO checkouts (id, customer_id, content_id, creator_id, amount_cents, currency, platform_bps, organization_bps,
    success_url, cancel_url, status, stripe_session_id, expires_at)
VALUES (gen_random_uuid(), $1, $2, $3, 2999, 'gbp', 1000, 0, '', '', 'open', $4, now() + interval '10 minutes')`,
			w.User("customer"), content, w.creator, fmt.Sprintf("cs_failing_%d", i))
	}
	cfg := w.throughProxy(func(r *http.Response) error {
		if strings.Contains(r.Request.URL.Path, "cs_failing_") {
			r.StatusCode = http.StatusInternalServerError
		}
		return nil
	})

	w.Pass(2 * time.Hour)
	done, err := payments.Reconcile(t.Context(), cfg)
	if err == nil || done.Checkouts != 1 {
		t.Errorf("%+v, %v: want the one that does not fail, and the errors of the others", done, err)
	}
	w.Eventually(1, `SELECT count(*) FROM checkouts WHERE stripe_session_id = $1 AND status = 'expired'`, last)
}
