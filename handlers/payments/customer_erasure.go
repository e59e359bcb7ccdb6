package payments

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/domain/purchase/stripe"
	"github.com/codex-platform/codex/handlers/commands"
)

// customerErasure deletes the customers of deleted accounts at the payment provider. The
// row of each was written in the transaction that deleted the account, so the table is
// the work list: no event has to carry the customer's id, and no transaction stays open
// while the provider is slow. An erasure that fails for three days becomes a dead letter,
// which names the row and not the customer, and rests until that is retried
// (postgres.RestartErasure).
type customerErasure struct{ cfg Config }

const customersPerSweep = 20

// eraseDue deletes the customers that are due and returns how many were deleted.
func (e *customerErasure) eraseDue(ctx context.Context) (erased int, err error) {
	due, err := postgres.ClaimErasures(ctx, e.cfg.Pool, e.cfg.Now().UTC(), customersPerSweep)
	if err != nil {
		return 0, err
	}
	for _, customer := range due {
		if ctx.Err() != nil {
			return erased, nil //nolint:nilerr // stopped; the rest is due again soon
		}
		if err := e.deleteCustomer(ctx, customer.StripeID); err != nil {
			if err := e.recordFailure(ctx, customer, err); err != nil {
				return erased, err
			}
			continue
		}
		if err := postgres.ErasureMade(ctx, e.cfg.Pool, customer.ID); err != nil {
			return erased, err
		}
		erased++
	}
	return erased, nil
}

// deleteCustomer deletes a customer. One that the provider does not have is deleted.
func (e *customerErasure) deleteCustomer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := e.cfg.Stripe.DeleteCustomer(ctx, id); !errors.Is(err, stripe.ErrNotFound) {
		return err
	}
	return nil
}

func (e *customerErasure) recordFailure(ctx context.Context, due postgres.DueErasure, cause error) error {
	e.cfg.Log.Log(ctx, levelOf(due.Attempts), "customer not erased at the provider",
		"erasure", due.ID, "attempt", due.Attempts, "error", cause)
	if due.Attempts < obligationTries {
		return nil
	}
	letter := commands.DeadLetter{
		Consumer:  erasureLetters,
		MessageID: due.ID,
		Type:      "customer_erasure",
		Body:      []byte(due.ID),
		Cause:     cause,
		Attempts:  due.Attempts,
	}
	return pgx.BeginFunc(ctx, e.cfg.Pool, func(tx pgx.Tx) error {
		if err := postgres.GiveUpErasure(ctx, tx, due.ID); err != nil {
			return err
		}
		return letter.Write(ctx, tx)
	})
}
