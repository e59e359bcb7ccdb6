package payments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// checkouts applies the commands of the external context "checkout".
//
// checkout.start first writes a checkout with everything the payment will be
// compared with, then opens the session at the provider under a key that follows
// from it (checkout:{id}:{attempt}), and then stores the session. A buyer has at most
// one checkout per content item that can still be paid: another request for the same
// offer gets the same session, and when the price changed or the session is about to
// expire, it is closed at the provider before the new one is opened.
//
// When the provider does not respond, the call is repeated within callBudget, and
// then the response is 502: less than the ten seconds that an edge waits. The
// checkout stays "creating", so the client's next attempt uses the same key and finds
// what the provider did meanwhile. The next key is used only after a failure that the
// provider has stored under the key, and when it has no session of this checkout.
type checkouts struct{ cfg Config }

var errClosedMeanwhile = errors.New("the checkout was closed meanwhile")

// commands returns the external context.
func (x checkouts) commands() commands.External {
	return commands.NewExternal("checkout", 0,
		commands.HandleExternal(purchase.CommandStartCheckout, x.start),
		commands.HandleExternal(purchase.CommandOpenPortal, x.openPortal),
	)
}

// start is the first transaction of checkout.start.
func (x checkouts) start(
	ctx context.Context, tx pgx.Tx, cmd events.Command, start *purchase.StartCheckout, now time.Time,
) (commands.Call, commands.Outcome, error) {
	offer, found, err := postgres.Offer(ctx, tx, start.ContentID)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if !found {
		return nil, commands.Outcome{}, purchase.ErrContentNotFound
	}
	buyer, found, err := postgres.CustomerOf(ctx, tx, cmd.ActorID)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if !found {
		return nil, commands.Outcome{}, purchase.ErrBuyerNotFound
	}
	owned, err := postgres.Owns(ctx, tx, cmd.ActorID, offer.ID)
	if err != nil {
		return nil, commands.Outcome{}, err
	}

	id, err := uuid.NewV7()
	if err != nil {
		return nil, commands.Outcome{}, fmt.Errorf("new checkout id: %w", err)
	}
	fresh, err := offer.Buy(id.String(), cmd.ActorID, owned, x.cfg.Rates, *start, now)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	checkout, err := x.claim(ctx, tx, offer, fresh, now)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if checkout.Status == purchase.Open {
		return nil, sessionOutcome(checkout), nil
	}

	closing, err := postgres.Expiring(ctx, tx, checkout.CustomerID, checkout.ContentID)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	return x.call(checkout, closing, buyer), commands.Outcome{}, nil
}

// claim returns the buyer's existing checkout when it is usable, else the fresh one. An
// existing one that is not usable is marked to be closed.
func (x checkouts) claim(
	ctx context.Context, tx pgx.Tx, offer purchase.Offer, fresh purchase.Checkout, now time.Time,
) (purchase.Checkout, error) {
	for range 5 {
		existing, found, err := postgres.OpenCheckout(ctx, tx, fresh.CustomerID, fresh.ContentID)
		if err != nil {
			return fresh, err
		}
		if found && existing.Usable(offer, now) {
			return existing, nil
		}
		if found {
			existing.Status = purchase.Expiring
			if err := postgres.SaveCheckout(ctx, tx, existing, now); err != nil {
				return fresh, err
			}
		}
		// Another transaction may have inserted one; it is then read.
		inserted, err := postgres.InsertCheckout(ctx, tx, fresh)
		if err != nil || inserted {
			return fresh, err
		}
	}
	return fresh, errors.New("the buyer's checkouts change too fast")
}

func sessionOutcome(c purchase.Checkout, facts ...events.Fact) commands.Outcome {
	return commands.OK(CheckoutSession{SessionURL: c.SessionURL, SessionID: c.SessionID}, facts...).Of(c.ID)
}

// call closes what must be closed and opens the session.
func (x checkouts) call(
	checkout purchase.Checkout, closing []purchase.Checkout, buyer postgres.Customer,
) commands.Call {
	return func(ctx context.Context) (commands.Finish, error) {
		ctx, cancel := context.WithTimeout(ctx, callBudget)
		defer cancel()

		for _, old := range closing {
			paid, err := closeSessions(ctx, x.cfg.Stripe, old)
			if err != nil {
				x.cfg.Log.Warn("checkout not closed at the provider", "checkout", old.ID, "error", err)
				return nil, purchase.ErrPaymentProcessing
			}
			if paid {
				// Its webhook will follow; no second session is opened.
				return abandon(checkout, commands.Rejected(purchase.ErrAlreadyPurchased)), nil
			}
		}

		session, err := x.create(ctx, checkout, buyer)
		switch {
		case err == nil:
			return opened(checkout.ID, session, closing), nil
		case errors.Is(err, purchase.ErrBuyerNotFound): // deleted meanwhile
			return abandon(checkout, commands.Rejected(purchase.ErrBuyerNotFound)), nil
		case !unauthorized(err) && (errors.Is(err, stripe.ErrRejected) || errors.Is(err, stripe.ErrDeclined)):
			x.cfg.Log.Error("checkout rejected by the provider", "checkout", checkout.ID, "error", err)
			return abandon(checkout, commands.Rejected(purchase.ErrPaymentProcessing)), nil
		default:
			x.cfg.Log.Warn("checkout not opened at the provider", "checkout", checkout.ID, "error", err)
			return nil, purchase.ErrPaymentProcessing
		}
	}
}

// abandon ends a checkout that will have no session.
func abandon(checkout purchase.Checkout, outcome commands.Outcome) commands.Finish {
	return func(ctx context.Context, tx pgx.Tx, now time.Time) (commands.Outcome, error) {
		current, found, err := postgres.Checkout(ctx, tx, checkout.ID)
		if err != nil || !found || current.Status != purchase.Creating {
			return outcome, err
		}
		current.Status = purchase.CheckoutFailed
		return outcome, postgres.SaveCheckout(ctx, tx, current, now)
	}
}

// opened stores the session, and that the closed checkouts are closed.
func opened(id string, session stripe.Session, closed []purchase.Checkout) commands.Finish {
	return func(ctx context.Context, tx pgx.Tx, now time.Time) (commands.Outcome, error) {
		facts, err := expire(ctx, tx, closed, now)
		if err != nil {
			return commands.Outcome{}, err
		}

		current, found, err := postgres.Checkout(ctx, tx, id)
		if err != nil || !found {
			return commands.Outcome{}, errors.Join(err, errClosedMeanwhile)
		}
		next, payloads := current.Start(session.ID, session.URL)
		switch next.Status {
		case purchase.Open:
		case purchase.CheckoutCompleted:
			return commands.Rejected(purchase.ErrAlreadyPurchased, facts...), nil
		default:
			return commands.Outcome{}, errClosedMeanwhile // retried from the start, with the newer checkout
		}
		if len(payloads) > 0 {
			if err := postgres.SaveCheckout(ctx, tx, next, now); err != nil {
				return commands.Outcome{}, err
			}
			facts = append(facts, events.Facts(next.Tenant(), next.ID, next.Version, payloads...)...)
		}
		return sessionOutcome(next, facts...), nil
	}
}

// expire ends checkouts whose sessions are closed, unless the provider's own report came
// first.
func expire(ctx context.Context, tx pgx.Tx, closed []purchase.Checkout, now time.Time) ([]events.Fact, error) {
	var facts []events.Fact
	for _, c := range closed {
		current, found, err := postgres.Checkout(ctx, tx, c.ID)
		if err != nil {
			return nil, err
		}
		next, payloads := current.Expire()
		if !found || len(payloads) == 0 {
			continue
		}
		if err := postgres.SaveCheckout(ctx, tx, next, now); err != nil {
			return nil, err
		}
		facts = append(facts, events.Facts(next.Tenant(), next.ID, next.Version, payloads...)...)
	}
	return facts, nil
}
