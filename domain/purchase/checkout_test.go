package purchase_test

import (
	"errors"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/purchase"
)

func onSale() purchase.Offer {
	return purchase.Offer{
		Content: purchase.Content{
			ID:             item,
			CreatorID:      creator,
			OrganizationID: org,
			AccessType:     "paid",
			HasPrice:       true,
			Price:          2999,
			Currency:       "gbp",
		},
		Title:     "A piece",
		Published: true,
	}
}

func TestAnItemThatCannotBeBoughtIsRejectedWithItsReason(t *testing.T) {
	t.Parallel()
	for reason, change := range map[string]func(*purchase.Offer){
		"deleted":       func(o *purchase.Offer) { o.Deleted = true },
		"not_published": func(o *purchase.Offer) { o.Published = false },
		"own_content":   func(o *purchase.Offer) { o.CreatorID = buyer },
		"free":          func(o *purchase.Offer) { o.AccessType, o.Price = "free", 0 },
		"no_price":      func(o *purchase.Offer) { o.HasPrice, o.Price = false, 0 },
		"not_for_sale":  func(o *purchase.Offer) { o.AccessType = "team" },
	} {
		o := onSale()
		change(&o)
		_, err := o.Buy("id", buyer, false, money.DefaultRates(), purchase.StartCheckout{}, noon)
		rejected, ok := domain.AsError(err)
		if !ok || rejected.Class != domain.Rule || rejected.Code != "CONTENT_NOT_PURCHASABLE" ||
			rejected.Context["reason"] != reason {
			t.Errorf("%s: %v", reason, err)
		}
	}
	_, err := onSale().Buy("id", buyer, true, money.DefaultRates(), purchase.StartCheckout{}, noon)
	if !errors.Is(err, purchase.ErrAlreadyPurchased) {
		t.Errorf("owned: %v", err)
	}
}

func TestACheckoutIsReusedForTheSamePriceUntilItExpires(t *testing.T) {
	t.Parallel()
	c, err := onSale().Buy("id", buyer, false, money.DefaultRates(), purchase.StartCheckout{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if life := c.ExpiresAt.Sub(noon); life < 30*time.Minute || life > time.Hour {
		t.Fatalf("it lives %s", life)
	}
	dearer := onSale()
	dearer.Price++
	for _, w := range []struct {
		name   string
		status purchase.CheckoutStatus
		offer  purchase.Offer
		after  time.Duration
		want   bool
	}{
		{"open", purchase.Open, onSale(), 40 * time.Minute, true},
		{"open, nearly over", purchase.Open, onSale(), 44 * time.Minute, false},
		{"open at another price", purchase.Open, dearer, 0, false},
		{"creating", purchase.Creating, onSale(), 10 * time.Minute, true},
		{"creating, and the provider would reject it", purchase.Creating, onSale(), 16 * time.Minute, false},
		{"being closed", purchase.Expiring, onSale(), 0, false},
		{"paid", purchase.CheckoutCompleted, onSale(), 0, false},
	} {
		c.Status = w.status
		if got := c.Usable(w.offer, noon.Add(w.after)); got != w.want {
			t.Errorf("%s: %t", w.name, got)
		}
	}
}

func TestACheckoutThatWasPaidDoesNotExpire(t *testing.T) {
	t.Parallel()
	c, _ := onSale().Buy("id", buyer, false, money.DefaultRates(), purchase.StartCheckout{}, noon)
	c, started := c.Start("cs_1", "https://pay.example.test/cs_1")
	if len(started) != 1 || c.Version != 1 || c.Status != purchase.Open {
		t.Fatalf("%+v", c)
	}
	if again, more := c.Start("cs_2", "x"); len(more) != 0 || again != c {
		t.Fatalf("started twice: %+v", again)
	}
	late, payloads := c.Complete("cs_1").Expire()
	if len(payloads) != 0 || late.Status != purchase.CheckoutCompleted {
		t.Fatalf("%+v", late)
	}
	expired, payloads := c.Expire()
	if len(payloads) != 1 || expired.Version != 2 || expired.Complete("cs_1").Status != purchase.CheckoutCompleted {
		t.Fatalf("%+v", expired)
	}
}

func TestStartCheckoutFieldsAreChecked(t *testing.T) {
	t.Parallel()
	good := purchase.StartCheckout{
		ContentID:  item,
		SuccessURL: "https://shop.example.test/ok?s={CHECKOUT_SESSION_ID}",
		CancelURL:  "http://localhost:3000/",
	}
	if bad := good.Validate(); len(bad) != 0 {
		t.Fatalf("%v", bad)
	}
	for _, s := range []purchase.StartCheckout{
		{ContentID: "x", SuccessURL: good.SuccessURL, CancelURL: good.CancelURL},
		{ContentID: item, SuccessURL: "javascript:alert(1)", CancelURL: good.CancelURL},
		{ContentID: item, SuccessURL: good.SuccessURL, CancelURL: "/relative"},
		{ContentID: item, SuccessURL: "https://user@shop.example.test/", CancelURL: good.CancelURL},
	} {
		if len(s.Validate()) != 1 {
			t.Errorf("%+v: %v", s, s.Validate())
		}
	}
}
