package payments

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/codex-platform/codex/domain/money"
	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// purchaseCommands returns the context "purchase": the reports of the payment provider.
// Rates split the payment of a session that was not opened here. What does not become a
// purchase is logged.
func purchaseCommands(rates money.Rates, log *slog.Logger) commands.Context {
	open := func() *purchaseBatch { return newPurchaseBatch(rates, log) }
	return commands.NewContext("purchase", open,
		commands.Handle(purchase.CommandRecordEvent, (*purchaseBatch).wantEvent, (*purchaseBatch).recordEvent))
}

var errNothingToRefund = errors.New("a paid session that can neither be fulfilled nor refunded")

func (u *purchaseBatch) recordEvent(
	cmd events.Command, p *purchase.RecordEvent, now time.Time,
) (commands.Outcome, error) {
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
	outcome := commands.OK(recorded{Result: result}, facts...)
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
			return p.ApplyRefund(*report.Refund, report.At)
		})
	case report.PaymentIntent != "" && report.Dispute != nil:
		return u.change(report, func(p purchase.Payment) (purchase.Payment, []events.Payload) {
			return p.ApplyDispute(*report.Dispute, report.At)
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
	if r.PaymentIntent == "" || s.AmountCents <= 0 {
		u.log.Error("paid session can neither be fulfilled nor refunded",
			"event", r.EventID, "command", cmd.ID, "payment_intent", r.PaymentIntent, "amount_cents", s.AmountCents)
		return string(purchase.Unfulfillable), nil, u.deadLetter(cmd, errNothingToRefund)
	}

	before, err := u.payment(r.PaymentIntent)
	if err != nil {
		return "", nil, err
	}
	next, payloads, err := before.Pay(s, r.At, u.saleFacts(r, checkout, ours))
	if err != nil {
		return "", nil, err
	}
	if len(payloads) == 0 {
		return "unchanged", nil, nil
	}
	u.logMismatch(cmd, r, *next.Sale)
	u.save(before, next)
	if ours {
		u.saveCheckout(checkout.Complete(s.ID))
	}
	return string(next.Sale.Outcome), events.Facts(next.Tenant(), next.PurchaseID, next.Version, payloads...), nil
}

// logMismatch logs a payment that did not become a purchase. Nothing in it names a person.
func (u *purchaseBatch) logMismatch(cmd events.Command, r purchase.RecordEvent, sale purchase.Sale) {
	if sale.Outcome == purchase.Purchased {
		return
	}
	u.log.Warn("payment is no purchase and will be refunded",
		"event", r.EventID,
		"command", cmd.ID,
		"payment_intent", r.PaymentIntent,
		"checkout", sale.CheckoutID,
		"outcome", sale.Outcome,
		"reason", sale.Reason,
		"amount_cents", int64(sale.Amount),
		"currency", sale.Currency)
}

// saleFacts returns what the decision about a paid session rests on. ours says that
// checkout is its checkout.
func (u *purchaseBatch) saleFacts(r purchase.RecordEvent, checkout purchase.Checkout, ours bool) purchase.Facts {
	s := *r.Session
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
	return facts
}

// change applies a report about a payment other than its session, which it may precede.
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

// deadLetter writes a dead letter for a report that an operator has to resolve.
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
