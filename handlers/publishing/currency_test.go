package publishing_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestAPriceThatCannotBeChargedIsRejectedWhenItIsSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		currency         string
		tooLow, low, odd int
		high, tooHigh    int
		text             string
	}{
		{"gbp", 29, 30, 0, 10_000_000, 10_000_001, "must be at least 30 (£0.30)"},
		{"jpy", 49, 50, 0, 99_999_999, 100_000_000, "must be at least 50 (¥50)"},
		{"kwd", 150, 160, 1234, 99_999_990, 100_000_000, "must be at least 160 (0.160 KWD)"},
		{"huf", 17_499, 17_500, 0, 2_000_000_000, 2_000_000_001, "must be at least 17500 (175.00 HUF)"},
	} {
		t.Run(c.currency, func(t *testing.T) {
			t.Parallel()
			w := newHarness(t, options{currency: c.currency})
			u := w.creator()
			paid := func(price int) fields { return article(fields{"accessType": "paid", "priceCents": price}) }

			a := u.send(http.MethodPost, "/api/content", paid(c.tooLow))
			a.WantFields("priceCents")
			if message := a.Text("error.details.0.message"); !strings.HasPrefix(message, c.text) {
				t.Errorf("the message is %q", message)
			}
			a = u.send(http.MethodPost, "/api/content", paid(c.low)).Want(http.StatusCreated, "")
			if a.Text("data.currency") != c.currency || a.At("data.priceCents") != float64(c.low) {
				t.Errorf("created %s", a.Body)
			}
			path := "/api/content/" + a.Text("data.id")
			u.send(http.MethodPatch, path, fields{"priceCents": c.tooLow}).WantFields("priceCents")
			if c.odd != 0 {
				u.send(http.MethodPatch, path, fields{"priceCents": c.odd}).WantFields("priceCents")
			}
			u.send(http.MethodPatch, path, fields{"priceCents": c.tooHigh}).WantFields("priceCents")
			u.send(http.MethodPatch, path, fields{"priceCents": c.high}).Want(http.StatusOK, "")
			u.send(http.MethodPost, path+"/publish", nil).Want(http.StatusOK, "")
		})
	}
}

func TestAPriceKeepsTheCurrencyInWhichItWasSet(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{currency: "jpy"})
	u := w.creator()
	id := u.create(article(fields{"accessType": "paid", "priceCents": 3000}))
	path := "/api/content/" + id
	// As before the installation changed its currency, and before there was a minimum.
	w.Exec(`UPDATE content SET currency = 'gbp', price_cents = 20 WHERE id = $1`, id)

	a := u.send(http.MethodPatch, path, fields{"title": "Another title"}).Want(http.StatusOK, "")
	if a.Text("data.currency") != "gbp" || a.At("data.priceCents") != 20.0 {
		t.Errorf("another title changed the price: %s", a.Body)
	}
	u.send(http.MethodPost, path+"/publish", nil).WantFields("priceCents")
	a = u.send(http.MethodPatch, path, fields{"priceCents": 500}).Want(http.StatusOK, "")
	if a.Text("data.currency") != "jpy" {
		t.Errorf("a new price is in another currency: %s", a.Body)
	}
	const event = `SELECT data->>'currency' || ' ' || (data->>'old_currency') FROM outbox
		WHERE aggregate_id = $1 AND type = 'content.price_changed'`
	if got := handlertest.Value[string](w.Harness, event, id); got != "jpy gbp" {
		t.Errorf("the event says %q", got)
	}
}

func TestABodyWithSeveralFaultsNamesAllOfThem(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	u := w.creator()
	u.send(http.MethodPost, "/api/content", []byte(`{"title": 5, "slug": "Not A Slug", "contentType": "written",
		"contentBody": "Words", "accessType": "paid", "priceCents": 10, "colour": {"red": [1, {}]},
		"tags": ["a", 7, "b\u0000"], "featured": "yes"}`), "Content-Type", "application/json").
		WantFields("tags.2", "title", "colour", "tags.1", "featured", "slug", "priceCents")
	u.send(http.MethodPost, "/api/content", []byte(`{"title": "", "slug": "a", "contentType": "video",
		"accessType": "followers", "minimumTierId": "no uuid"}`), "Content-Type", "application/json").
		WantFields("title", "minimumTierId", "mediaItemId", "organizationId")
	id := u.create(article(nil))
	u.send(http.MethodPatch, "/api/content/"+id, []byte(`{"title": null, "priceCents": "1", "thumbnailUrl": "x"}`),
		"Content-Type", "application/json").WantFields("priceCents", "thumbnailUrl", "title")
}
