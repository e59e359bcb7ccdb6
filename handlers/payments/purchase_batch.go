package payments

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// purchaseBatch applies a batch of reports. Everything is keyed by payment intent,
// except what ends a checkout unpaid.
type purchaseBatch struct {
	rates money.Rates
	// publicURL and the id of the database make the marker of this installation.
	publicURL, database string
	log                 *slog.Logger

	checkouts map[string]purchase.Checkout
	payments  map[string]purchase.Payment
	content   map[string]purchase.Content
	// buyers are those that exist, with false for a deleted one.
	buyers map[string]bool
	// live names the intent through which a buyer owns a content item.
	live map[postgres.Ownership]string

	stored  map[string]bool   // intents that have a row
	changed map[string]bool   // intents to write
	moved   map[string]bool   // checkouts to write
	lookUp  map[string]bool   // intents whose refunds are to be read from the provider
	results map[string]string // event → result
	letters []commands.DeadLetter
	now     time.Time

	wanted struct {
		sessions postgres.Sessions
		intents  []string
		contents []string
		buyers   []string
		pairs    []postgres.Ownership
	}
}

func newPurchaseBatch(cfg Config) *purchaseBatch {
	return &purchaseBatch{
		rates:     cfg.Rates,
		publicURL: cfg.PublicURL,
		log:       cfg.Log,
		checkouts: map[string]purchase.Checkout{},
		payments:  map[string]purchase.Payment{},
		content:   map[string]purchase.Content{},
		buyers:    map[string]bool{},
		live:      map[postgres.Ownership]string{},
		stored:    map[string]bool{},
		changed:   map[string]bool{},
		moved:     map[string]bool{},
		lookUp:    map[string]bool{},
		results:   map[string]string{},
	}
}

// wantEvent notes what the decision about a report needs.
func (u *purchaseBatch) wantEvent(_ events.Command, r *purchase.RecordEvent) {
	want := &u.wanted
	if r.PaymentIntent != "" {
		want.intents = append(want.intents, r.PaymentIntent)
	}
	s := r.Session
	if s == nil {
		return
	}
	want.sessions.SessionIDs = append(want.sessions.SessionIDs, s.ID)
	if id := purchase.KnownID(s.CheckoutID); id != "" {
		want.sessions.CheckoutIDs = append(want.sessions.CheckoutIDs, id)
	}
	if id := purchase.KnownID(s.ContentID); id != "" {
		want.contents = append(want.contents, id)
		want.buyers = append(want.buyers, s.CustomerID)
		want.pairs = append(want.pairs, postgres.Ownership{CustomerID: s.CustomerID, ContentID: id})
	}
}

// Load implements [commands.Batch]. Buyers are locked first, as everywhere.
func (u *purchaseBatch) Load(b *pgx.Batch) {
	want := &u.wanted
	bySession := len(want.sessions.SessionIDs) > 0
	if bySession {
		postgres.QueueBuyers(b, want.buyers, want.sessions, u.buyers)
		postgres.QueueCheckouts(b, want.sessions, u.checkouts)
	}
	if len(want.intents) > 0 {
		postgres.QueuePayments(b, want.intents, u.payments)
	}
	if bySession {
		postgres.QueueInstallation(b, &u.database)
		postgres.QueueContent(b, want.contents, want.sessions, u.content)
	}
	if bySession || len(want.intents) > 0 {
		postgres.QueueLive(b, want.pairs, want.sessions, want.intents, u.live)
	}
}

// begin notes, before the first decision, the batch's time and which payments have a row.
func (u *purchaseBatch) begin(now time.Time) {
	if !u.now.IsZero() {
		return
	}
	u.now = now
	for intent := range u.payments {
		u.stored[intent] = true
	}
}

// checkoutOf returns the checkout that a session belongs to: by the session's id, or by
// the reference that was given to the provider, unless another installation gave it.
func (u *purchaseBatch) checkoutOf(s purchase.SessionFact) (purchase.Checkout, bool) {
	for _, c := range u.checkouts {
		if s.ID != "" && c.SessionID == s.ID {
			return c, true
		}
	}
	c, ok := u.checkouts[purchase.KnownID(s.CheckoutID)]
	// A checkout whose session is not stored yet is in no copy of the database.
	elsewhere := c.SessionID != "" && s.Installation != "" && s.Installation != u.marker()
	return c, ok && !elsewhere
}

// marker is the marker of this installation.
func (u *purchaseBatch) marker() string { return purchase.Marker(u.database, u.publicURL) }

// ownedElsewhere reports whether the buyer of a sale owns its item through another payment.
func (u *purchaseBatch) ownedElsewhere(p purchase.Payment) bool {
	if p.Sale == nil {
		return false
	}
	owner, owned := u.live[postgres.Ownership{CustomerID: p.Sale.CustomerID, ContentID: p.Sale.ContentID}]
	return owned && owner != p.Intent
}

// payment returns the payment of an intent. A new one gets the id that its purchase will
// have.
func (u *purchaseBatch) payment(intent string) (purchase.Payment, error) {
	if p, ok := u.payments[intent]; ok {
		return p, nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return purchase.Payment{}, fmt.Errorf("new purchase id: %w", err)
	}
	return purchase.NewPayment(intent, id.String()), nil
}

// save makes the next state visible to the reports that follow in the batch.
func (u *purchaseBatch) save(before, next purchase.Payment) {
	u.payments[next.Intent], u.changed[next.Intent] = next, true
	if !next.IsPurchase() {
		return
	}
	key := postgres.Ownership{CustomerID: next.Sale.CustomerID, ContentID: next.Sale.ContentID}
	switch {
	case next.Status().Live():
		u.live[key] = next.Intent
	case before.Status().Live() && u.live[key] == next.Intent:
		delete(u.live, key)
	}
}

func (u *purchaseBatch) saveCheckout(c purchase.Checkout) {
	u.checkouts[c.ID], u.moved[c.ID] = c, true
}

// Save implements [commands.Batch].
func (u *purchaseBatch) Save(b *pgx.Batch) error {
	for _, id := range slices.Sorted(maps.Keys(u.moved)) {
		postgres.QueueSaveCheckout(b, u.checkouts[id], u.now)
	}
	// A purchase that ends goes first, so that one that replaces it is not rejected.
	intents := slices.Sorted(maps.Keys(u.changed))
	slices.SortStableFunc(intents, func(a, b string) int { return rank(u.payments[a]) - rank(u.payments[b]) })
	for _, intent := range intents {
		if p := u.payments[intent]; u.stored[intent] {
			postgres.QueueUpdatePayment(b, p, u.now)
		} else {
			postgres.QueueInsertPayment(b, p, u.now)
		}
	}
	for _, intent := range slices.Sorted(maps.Keys(u.lookUp)) {
		postgres.QueueLookUp(b, intent, u.now)
	}
	for _, id := range slices.Sorted(maps.Keys(u.results)) {
		postgres.QueueProcessed(b, id, u.results[id], u.now)
	}
	for _, letter := range u.letters {
		letter.Queue(b)
	}
	return nil
}

// rank orders the writes of payments: live purchases last.
func rank(p purchase.Payment) int {
	if p.Status().Live() {
		return 1
	}
	return 0
}
