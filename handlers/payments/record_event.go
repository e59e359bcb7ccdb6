package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// purchaseCommands returns the context "purchase": the reports of the payment provider.
// What does not become a purchase is logged.
func purchaseCommands(cfg Config) commands.Context {
	open := func() *purchaseBatch { return newPurchaseBatch(cfg) }
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
		return u.change(report, func(p purchase.Payment, owned bool) (purchase.Payment, []events.Payload) {
			return p.ApplyRefunds(*report.Refund, report.At, owned)
		})
	case report.PaymentIntent != "" && report.Dispute != nil:
		return u.change(report, func(p purchase.Payment, owned bool) (purchase.Payment, []events.Payload) {
			return p.ApplyDispute(*report.Dispute, report.At, owned)
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
		case events.PurchaseCompleted, events.PurchaseRefunded, events.PurchaseRefundFailed,
			events.PurchaseDisputed, events.PurchaseDisputeClosed:
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

// pay records a paid session. One that is not of this installation is noted for the
// operator, when there is a payment, and nothing follows from it.
func (u *purchaseBatch) pay(cmd events.Command, r purchase.RecordEvent) (string, []events.Fact, error) {
	s := *r.Session
	checkout, ours := u.checkoutOf(s)
	unusable := r.PaymentIntent == "" || s.AmountCents <= 0 || s.AmountCents > math.MaxInt32
	switch {
	case unusable && ours:
		u.log.Error("paid session can neither be fulfilled nor refunded",
			"event", r.EventID, "command", cmd.ID, "payment_intent", r.PaymentIntent, "amount_cents", s.AmountCents)
		return string(purchase.Unfulfillable), nil, u.deadLetter(cmd, errNothingToRefund)
	case r.PaymentIntent == "":
		return foreign, nil, nil
	}

	before, err := u.payment(r.PaymentIntent)
	if err != nil {
		return "", nil, err
	}
	next, payloads, err := before.Pay(s, r.At, u.saleFacts(r, checkout, ours))
	switch {
	case err != nil:
		return "", nil, err
	case next.Foreign != nil:
		if before.Foreign == nil {
			foreignPayments.Add(context.Background(), 1)
			u.save(before, next)
		}
		return foreign, nil, nil
	case len(payloads) == 0:
		return "unchanged", nil, nil
	}
	u.logMismatch(cmd, r, *next.Sale)
	u.save(before, next)
	if ours {
		u.saveCheckout(checkout.Complete(s.ID))
	}
	if next.LacksRefunds() {
		u.lookUp[next.Intent] = true
	}
	return string(next.Sale.Outcome), events.Facts(next.Tenant(), next.PurchaseID, next.Version, payloads...), nil
}

// foreign is the result of an event about a payment that is not of this installation.
const foreign = "foreign"

var foreignPayments = must(otel.Meter("github.com/codex-platform/codex/handlers/payments").
	Int64Counter("codex.payments.foreign",
		metric.WithDescription("payments in the provider's account that are not of this installation")))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
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
	facts := purchase.Facts{Rates: u.rates, Installation: u.marker()}
	contentID, buyerID := purchase.KnownID(s.ContentID), s.CustomerID
	if ours {
		facts.Checkout = &checkout
		contentID, buyerID = checkout.ContentID, checkout.CustomerID
	}
	if c, ok := u.content[contentID]; ok {
		facts.Content = &c
	}
	facts.BuyerKnown, facts.BuyerExists = u.buyers[buyerID]
	owner, owned := u.live[postgres.Ownership{CustomerID: buyerID, ContentID: contentID}]
	facts.OwnedElsewhere = owned && owner != r.PaymentIntent
	return facts
}

// change applies a report about a payment other than its session, which it may precede.
func (u *purchaseBatch) change(
	r purchase.RecordEvent, f func(purchase.Payment, bool) (purchase.Payment, []events.Payload),
) (string, []events.Fact, error) {
	before, err := u.payment(r.PaymentIntent)
	if err != nil {
		return "", nil, err
	}
	next, payloads := f(before, u.ownedElsewhere(before))
	if next.LacksRefunds() || next.Sale != nil && r.Refund.Differs(next) {
		u.lookUp[next.Intent] = true
	}
	if next.Equal(before) {
		return "unchanged", nil, nil
	}
	u.save(before, next)
	switch {
	case next.Foreign != nil:
		return foreign, nil, nil
	case len(payloads) == 0:
		return "noted", nil, nil
	default:
		return string(next.Status()), events.Facts(next.Tenant(), next.PurchaseID, next.Version, payloads...), nil
	}
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
