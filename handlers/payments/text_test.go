package payments_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// Text that a database cannot store is the sender's fault, signed or not: 400, never 500.
func TestADeliveryThatIsNoTextIsABadRequest(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	const bad = "\xff\xfe"
	event := func(id string) []byte {
		return []byte(`{"id":"` + id + `","type":"product.updated","data":{"object":{}}}`)
	}
	good := event("evt_good")
	for name, c := range map[string]struct {
		path   string
		header map[string]string
		body   []byte
	}{
		"signature":         {"booking", map[string]string{"Stripe-Signature": bad}, good},
		"another header":    {"booking", map[string]string{"User-Agent": bad}, good},
		"path":              {"booking%ff", nil, good},
		"NUL in the path":   {"%00", nil, good},
		"query":             {"booking?a=%ff", nil, good},
		"NUL in the query":  {"booking?a=%00", nil, good},
		"body":              {"booking", nil, event("evt_" + bad)},
		"NUL in the body":   {"booking", nil, event(`evt_\u0000`)},
		"surrogate in body": {"booking", nil, event(`evt_\ud800`)},
	} {
		header := map[string]string{"Stripe-Signature": sign(c.body, bookingKey, time.Now())}
		for name, value := range c.header {
			header[name] = value
		}
		a := w.Send(handlertest.Request{
			Method: http.MethodPost,
			Path:   "/webhooks/stripe/" + c.path,
			Header: header,
			Body:   c.body,
		})
		if a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if n := w.Number(`SELECT count(*) FROM stripe_events`); n != 0 {
		t.Errorf("%d deliveries are stored", n)
	}
}
