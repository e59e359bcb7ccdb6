package payments

import (
	"encoding/json"
	"errors"
	"fmt"
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

// purchaseCommands applies the commands of context "purchase": what the payment provider
// reported. Rates split the payment of a session that was not opened here.
func purchaseCommands(rates money.Rates) commands.Context {
	return commands.NewContext("purchase", func() *purchaseBatch { return newPurchaseBatch(rates) },
		commands.Handle(purchase.CommandRecordEvent, (*purchaseBatch).wantEvent, (*purchaseBatch).recordEvent))
}

// purchaseBatch applies a batch of reports. Everything is keyed by payment intent,
// except what ends a checkout unpaid.
type purchaseBatch struct {
	rates money.Rates

	checkouts map[string]purchase.Checkout
	payments  map[string]purchase.Payment
	content   map[string]purchase.Content
	buyers    map[string]bool
	// live names the intent through which a buyer owns a content item.
	live map[postgres.Ownership]string

	stored  map[string]bool   // intents that have a row
	changed map[string]bool   // intents to write
	moved   map[string]bool   // checkouts to write
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

func newPurchaseBatch(rates money.Rates) *purchaseBatch {
	return &purchaseBatch{
		rates:     rates,
		checkouts: map[string]purchase.Checkout{},
		payments:  map[string]purchase.Payment{},
		content:   map[string]purchase.Content{},
		buyers:    map[string]bool{},
		live:      map[postgres.Ownership]string{},
		stored:    map[string]bool{},
		changed:   map[string]bool{},
		moved:     map[string]bool{},
		results:   map[string]string{},
	}
}

var errNothingToRefund = errors.New("a paid session that can neither be fulfilled nor refunded")

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

// Load implements [commands.Batch].
func (u *purchaseBatch) Load(b *pgx.Batch) {
	want := &u.wanted
	bySession := len(want.sessions.SessionIDs) > 0
	if bySession {
		postgres.QueueCheckouts(b, want.sessions, u.checkouts)
	}
	if len(want.intents) > 0 {
		postgres.QueuePayments(b, want.intents, u.payments)
	}
	if bySession {
		postgres.QueueContent(b, want.contents, want.sessions, u.content)
		postgres.QueueBuyers(b, want.buyers, want.sessions, u.buyers)
		postgres.QueueLive(b, want.pairs, want.sessions, u.live)
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

func (u *purchaseBatch) recordEvent(cmd events.Command, p *purchase.RecordEvent, now time.Time) (commands.Outcome, error) {
	u.begin(now)
	report := *p
	if report.At.IsZero() {
		report.At = now
	}

	result, facts, err := u.record(cmd, report)
	if err != nil {
		return commands.Outcome{}, err
	}
	u.results[report.EventID] = result
	outcome := commands.OK(Recorded{Result: result}, facts...)
	outcome.Awaits = accessEvents(facts)
	return outcome, nil
}

// record applies one report and returns its result, for the provider's event.
func (u *purchaseBatch) record(cmd events.Command, report purchase.RecordEvent) (string, []events.Fact, error) {
	switch {
	case report.Session != nil && !report.Session.Paid:
		result, facts := u.expire(report)
		return result, facts, nil
	case report.Session != nil:
		return u.pay(cmd, report)
	case report.PaymentIntent != "" && report.Refund != nil:
		return u.change(report, func(p purchase.Payment) (purchase.Payment, []events.Payload) {
			return p.TakeRefund(*report.Refund, report.At)
		})
	case report.PaymentIntent != "" && report.Dispute != nil:
		return u.change(report, func(p purchase.Payment) (purchase.Payment, []events.Payload) {
			return p.TakeDispute(*report.Dispute, report.At)
		})
	default:
		return "ignored", nil, nil
	}
}

// accessEvents counts the facts that open or close access.
func accessEvents(facts []events.Fact) int {
	n := 0
	for _, f := range facts {
		switch f.Payload.(type) {
		case events.PurchaseCompleted, events.PurchaseRefunded, events.PurchaseDisputed, events.PurchaseDisputeClosed:
			n++
		}
	}
	return n
}

// expire ends a checkout unpaid. One that was paid stays so: the report is late.
func (u *purchaseBatch) expire(r purchase.RecordEvent) (string, []events.Fact) {
	checkout, ours := u.checkoutOf(*r.Session)
	if !ours {
		return "ignored", nil
	}
	next, payloads := checkout.Expire()
	if len(payloads) == 0 {
		return "unchanged", nil
	}
	u.saveCheckout(next)
	return "expired", events.Facts(next.Tenant(), next.ID, next.Version, payloads...)
}

// pay records a paid session.
func (u *purchaseBatch) pay(cmd events.Command, r purchase.RecordEvent) (string, []events.Fact, error) {
	s := *r.Session
	checkout, ours := u.checkoutOf(s)
	if !ours && s.CheckoutID == "" && s.CustomerID == "" && s.ContentID == "" {
		return "ignored", nil, nil // not a sale of this platform
	}
	facts := purchase.Facts{Rates: u.rates}
	contentID, buyerID := purchase.KnownID(s.ContentID), s.CustomerID
	if ours {
		facts.Checkout = &checkout
		contentID, buyerID = checkout.ContentID, checkout.CustomerID
	}
	if c, ok := u.content[contentID]; ok {
		facts.Content = &c
	}
	facts.BuyerKnown = u.buyers[buyerID]
	owner, owned := u.live[postgres.Ownership{CustomerID: buyerID, ContentID: contentID}]
	facts.OwnedElsewhere = owned && owner != r.PaymentIntent

	if r.PaymentIntent == "" || s.AmountCents <= 0 {
		return string(purchase.Unfulfillable), nil, u.deadLetter(cmd, errNothingToRefund)
	}
	before, err := u.payment(r.PaymentIntent)
	if err != nil {
		return "", nil, err
	}
	next, payloads, err := before.Pay(s, r.At, facts)
	if err != nil {
		return "", nil, err
	}
	if len(payloads) == 0 {
		return "unchanged", nil, nil
	}
	u.save(before, next)
	if ours {
		u.saveCheckout(checkout.Complete(s.ID))
	}
	if next.IsPurchase() {
	}
	return string(next.Sale.Outcome), events.Facts(next.Tenant(), next.PurchaseID, next.Version, payloads...), nil
}

// change records what became known of a payment later, or before its session.
func (u *purchaseBatch) change(
	r purchase.RecordEvent, f func(purchase.Payment) (purchase.Payment, []events.Payload),
) (string, []events.Fact, error) {
	before, err := u.payment(r.PaymentIntent)
	if err != nil {
		return "", nil, err
	}
	next, payloads := f(before)
	if next == before {
		return "unchanged", nil, nil
	}
	u.save(before, next)
	if len(payloads) == 0 {
		return "noted", nil, nil
	}
	return string(next.Status()), events.Facts(next.Tenant(), next.PurchaseID, next.Version, payloads...), nil
}

// checkoutOf returns the checkout that a session belongs to: the one that it was
// opened for, by its own id, or by the reference that we gave it.
func (u *purchaseBatch) checkoutOf(s purchase.SessionFact) (purchase.Checkout, bool) {
	for _, c := range u.checkouts {
		if s.ID != "" && c.SessionID == s.ID {
			return c, true
		}
	}
	c, ok := u.checkouts[purchase.KnownID(s.CheckoutID)]
	return c, ok
}

// payment returns what is known of an intent. One that was not heard of gets the id
// that its purchase will have.
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
	for _, id := range slices.Sorted(maps.Keys(u.results)) {
		postgres.QueueProcessed(b, id, u.results[id], u.now)
	}
	for _, letter := range u.letters {
		letter.Queue(b)
	}
	return nil
}

// deadLetter shows a report to an operator.
func (u *purchaseBatch) deadLetter(cmd events.Command, cause error) error {
	message, err := json.Marshal(cmd)
	if err != nil {
		return fmt.Errorf("marshal dead letter: %w", err)
	}
	u.letters = append(u.letters, commands.DeadLetter{
		Consumer:  "purchase",
		MessageID: cmd.ID,
		Type:      cmd.Type,
		Body:      message,
		Cause:     cause,
		Attempts:  1,
	})
	return nil
}

func rank(p purchase.Payment) int {
	if p.Status().Live() {
		return 1
	}
	return 0
}
