package payments

import (
	"context"
	"errors"

	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
)

// refundLookUp reads refunds from the provider of which only a total was reported: a
// charge.refunded event lists none since API version 2022-11-15, and an endpoint may not
// subscribe to the events about single refunds. So a refund that was made in the dashboard
// keeps its id, its reason and its state.
type refundLookUp struct {
	cfg      Config
	ingester *eventIngester
}

const lookUpBatch = 20

// lookUpDue reads the refunds of the payments that are due and returns of how many.
func (l *refundLookUp) lookUpDue(ctx context.Context) (read int, err error) {
	intents, err := postgres.ClaimLookUps(ctx, l.cfg.Pool, l.cfg.Now().UTC(), lookUpBatch)
	if err != nil {
		return 0, err
	}
	for _, intent := range intents {
		if err := l.lookUp(ctx, intent); err != nil {
			l.cfg.Log.WarnContext(ctx, "refunds not read", "payment_intent", intent, "error", err)
			continue // it is due again later
		}
		if err := postgres.LookedUp(ctx, l.cfg.Pool, intent); err != nil {
			return read, err
		}
		read++
	}
	return read, nil
}

func (l *refundLookUp) lookUp(ctx context.Context, intent string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	refunds, err := l.cfg.Stripe.ListRefunds(ctx, intent)
	if errors.Is(err, stripe.ErrNotFound) {
		return nil // there is nothing to read
	}
	if err != nil {
		return err
	}
	return l.ingester.recordRefunds(ctx, intent, refunds)
}
