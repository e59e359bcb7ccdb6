package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/deadletter"
	"github.com/codex-platform/codex/handlers/wire"
)

// Purchase applies the commands of context "purchase": what the payment provider
// reported.
type Purchase struct {
	// Rates split the payment of a session that was not opened here.
	Rates money.Rates
}

// Name implements Context.
func (Purchase) Name() string { return "purchase" }

// Open implements Context.
func (p Purchase) Open(batch []events.Command) Unit {
	u := &purchaseUnit{
		cmds: batch, reports: make([]purchase.RecordEvent, len(batch)), unreadable: make([]error, len(batch)), rates: p.Rates,
		checkouts: map[string]purchase.Checkout{}, payments: map[string]purchase.Payment{}, content: map[string]purchase.Content{},
		buyers: map[string]bool{}, live: map[postgres.Ownership]string{},
		stored: map[string]bool{}, changed: map[string]bool{}, moved: map[string]bool{}, results: map[string]string{},
	}
	for i, cmd := range batch {
		if cmd.Type != "purchase.record_event" {
			u.unreadable[i] = fmt.Errorf("unknown command %q", cmd.Type)
		} else if err := json.Unmarshal(cmd.Payload, &u.reports[i]); err != nil {
			u.unreadable[i] = fmt.Errorf("decode %s: %w", cmd.Type, err)
		}
	}
	return u
}

// purchaseUnit applies a batch of reports. Everything is keyed by payment intent,
// except what ends a checkout unpaid.
type purchaseUnit struct {
	cmds       []events.Command
	reports    []purchase.RecordEvent
	unreadable []error
	rates      money.Rates

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
	letters []deadEvent
	now     time.Time
}

// deadEvent is a report that an operator has to look at.
type deadEvent struct {
	cmd   events.Command
	cause error
}

var errNothingToGiveBack = errors.New("a paid session that can neither be fulfilled nor given back")

// Load implements Unit.
func (u *purchaseUnit) Load(b *pgx.Batch) {
	var (
		sessions postgres.Sessions
		intents  []string
		contents []string
		buyers   []string
		pairs    []postgres.Ownership
	)
	for _, r := range u.reports {
		if r.PaymentIntent != "" {
			intents = append(intents, r.PaymentIntent)
		}
		s := r.Session
		if s == nil {
			continue
		}
		sessions.SessionIDs = append(sessions.SessionIDs, s.ID)
		if id := purchase.KnownID(s.CheckoutID); id != "" {
			sessions.CheckoutIDs = append(sessions.CheckoutIDs, id)
		}
		if id := purchase.KnownID(s.ContentID); id != "" {
			contents, buyers = append(contents, id), append(buyers, s.CustomerID)
			pairs = append(pairs, postgres.Ownership{CustomerID: s.CustomerID, ContentID: id})
		}
	}
	if len(sessions.SessionIDs) > 0 {
		postgres.QueueCheckouts(b, sessions, u.checkouts)
	}
	if len(intents) > 0 {
		postgres.QueuePayments(b, intents, u.payments)
	}
	if len(sessions.SessionIDs) > 0 {
		postgres.QueueContent(b, contents, sessions, u.content)
		postgres.QueueBuyers(b, buyers, sessions, u.buyers)
		postgres.QueueLive(b, pairs, sessions, u.live)
	}
}

// Decide implements Unit.
func (u *purchaseUnit) Decide(i int, now time.Time) (Outcome, error) {
	if err := u.unreadable[i]; err != nil {
		return Outcome{}, err
	}
	if u.now.IsZero() { // the first of the batch: what was loaded has a row
		u.now = now
		for intent := range u.payments {
			u.stored[intent] = true
		}
	}
	report := u.reports[i]
	if report.At.IsZero() {
		report.At = now
	}
	var (
		result string
		facts  []events.Fact
		err    error
	)
	switch {
	case report.Session != nil && !report.Session.Paid:
		result, facts = u.expire(report)
	case report.Session != nil:
		result, facts, err = u.pay(u.cmds[i], report)
	case report.PaymentIntent != "" && report.Refund != nil:
		result, facts, err = u.change(report, func(p purchase.Payment) (purchase.Payment, []events.Payload) {
			return p.TakeRefund(*report.Refund, report.At)
		})
	case report.PaymentIntent != "" && report.Dispute != nil:
		result, facts, err = u.change(report, func(p purchase.Payment) (purchase.Payment, []events.Payload) {
			return p.TakeDispute(*report.Dispute, report.At)
		})
	default:
		result = "ignored"
	}
	if err != nil {
		return Outcome{}, err
	}
	u.results[report.EventID] = result
	return Changed(wire.Recorded{Result: result, AccessEvents: accessEvents(facts)}, facts...), nil
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
func (u *purchaseUnit) expire(r purchase.RecordEvent) (string, []events.Fact) {
	checkout, ours := u.checkoutOf(*r.Session)
	if !ours {
		return "ignored", nil
	}
	next, happened := checkout.Expire()
	if len(happened) == 0 {
		return "unchanged", nil
	}
	u.saveCheckout(next)
	return "expired", numbered(next.Tenant(), next.ID, next.Version, happened)
}

// pay records a paid session.
func (u *purchaseUnit) pay(cmd events.Command, r purchase.RecordEvent) (string, []events.Fact, error) {
	s := *r.Session
	checkout, ours := u.checkoutOf(s)
	if !ours && s.CheckoutID == "" && s.CustomerID == "" && s.ContentID == "" {
		return "ignored", nil, nil // somebody else's sale through the same account
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
		u.letters = append(u.letters, deadEvent{cmd, errNothingToGiveBack})
		return string(purchase.Unfulfillable), nil, nil
	}
	before, err := u.payment(r.PaymentIntent)
	if err != nil {
		return "", nil, err
	}
	next, happened, err := before.Pay(s, r.At, facts)
	if err != nil {
		return "", nil, err
	}
	if len(happened) == 0 {
		return "unchanged", nil, nil
	}
	u.save(before, next)
	if ours {
		u.saveCheckout(checkout.Complete(s.ID))
	}
	return string(next.Sale.Outcome), numbered(next.Tenant(), next.PurchaseID, next.Version, happened), nil
}

// change records what happened to a payment later, or before it was heard of.
func (u *purchaseUnit) change(r purchase.RecordEvent, f func(purchase.Payment) (purchase.Payment, []events.Payload)) (string, []events.Fact, error) {
	before, err := u.payment(r.PaymentIntent)
	if err != nil {
		return "", nil, err
	}
	next, happened := f(before)
	if next == before {
		return "unchanged", nil, nil
	}
	u.save(before, next)
	if len(happened) == 0 {
		return "noted", nil, nil
	}
	return string(next.Status()), numbered(next.Tenant(), next.PurchaseID, next.Version, happened), nil
}

// checkoutOf returns the checkout that a session belongs to: the one that it was
// opened for, by its own id, or by the reference that we gave it.
func (u *purchaseUnit) checkoutOf(s purchase.SessionFact) (purchase.Checkout, bool) {
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
func (u *purchaseUnit) payment(intent string) (purchase.Payment, error) {
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
func (u *purchaseUnit) save(before, next purchase.Payment) {
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

func (u *purchaseUnit) saveCheckout(c purchase.Checkout) {
	u.checkouts[c.ID], u.moved[c.ID] = c, true
}

// Save implements Unit.
func (u *purchaseUnit) Save(b *pgx.Batch) error {
	for _, id := range sorted(u.moved) {
		postgres.QueueSaveCheckout(b, u.checkouts[id], u.now)
	}
	// A purchase that ends goes first, so that one that takes its place is not refused.
	intents := sorted(u.changed)
	slices.SortStableFunc(intents, func(a, b string) int { return rank(u.payments[a]) - rank(u.payments[b]) })
	for _, intent := range intents {
		if p := u.payments[intent]; u.stored[intent] {
			postgres.QueueUpdatePayment(b, p, u.now)
		} else {
			postgres.QueueInsertPayment(b, p, u.now)
		}
	}
	for _, id := range sorted(u.results) {
		postgres.QueueProcessed(b, id, u.results[id], u.now)
	}
	for _, letter := range u.letters {
		raw, err := json.Marshal(letter.cmd)
		if err != nil {
			return fmt.Errorf("marshal dead letter: %w", err)
		}
		deadletter.Letter{
			Consumer: "purchase", MessageID: letter.cmd.ID, Type: letter.cmd.Type, Body: raw, Cause: letter.cause, Attempts: 1,
		}.Queue(b)
	}
	return nil
}

func rank(p purchase.Payment) int {
	if p.Status().Live() {
		return 1
	}
	return 0
}

func sorted[V any](set map[string]V) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}
