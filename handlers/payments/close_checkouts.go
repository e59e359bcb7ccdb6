package payments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// checkoutCloser closes checkouts at the provider, at once, when their content is withdrawn
// from sale or their buyer's account is deleted. What has been paid all the same is decided
// by domain/purchase.
//
// The checkouts are marked first, so a repeated event closes what is left, and the
// reconciliation does when the events are lost.
type checkoutCloser struct{ reconciler }

const (
	// closeTimeout is for thousands of checkouts of one item.
	closeTimeout = 5 * time.Minute
	// closeAtOnce is how many sessions are closed at once.
	closeAtOnce = 8
	// changing is how long after the time of a change a checkout may be made that knows nothing
	// of it.
	changing = 10 * time.Second
	// opening is how long a session may be on its way that the provider does not list yet.
	opening = time.Minute
)

func (x *checkoutCloser) process() reactions.Process {
	return reactions.Process{
		Name: "close_checkouts",
		Events: []string{
			events.ContentUnpublished{}.EventType(),
			events.ContentDeleted{}.EventType(),
			events.ContentPriceChanged{}.EventType(),
			events.UserDeleted{}.EventType(),
		},
		Workers: 2,
		Timeout: closeTimeout,
		Handle: func(ctx context.Context, e events.Event, p events.Payload) error {
			switch p := p.(type) {
			case *events.ContentUnpublished:
				return x.withdrawn(ctx, p.ContentID)
			case *events.ContentDeleted:
				return x.withdrawn(ctx, p.ContentID)
			case *events.ContentPriceChanged:
				if p.AccessType != p.OldAccessType {
					// Buyers agreed to another offer, also when the item is for sale still.
					return x.close(ctx, p.ContentID, "", e.Time)
				}
				return x.withdrawn(ctx, p.ContentID)
			case *events.UserDeleted:
				return x.close(ctx, "", p.UserID, x.cfg.Now())
			default:
				return nil
			}
		},
	}
}

var errStillOpening = errors.New("the checkout's session is still being opened")

// withdrawn closes the checkouts of a content item unless it is for sale, still or again.
func (x *checkoutCloser) withdrawn(ctx context.Context, contentID string) error {
	sold := false
	err := pgx.BeginFunc(ctx, x.cfg.Pool, func(tx pgx.Tx) error {
		offer, found, err := postgres.Offer(ctx, tx, contentID)
		sold = !found || offer.ForSale()
		return err
	})
	if err != nil || sold {
		return err
	}
	// One that is made after a later publication may be closed as well; its buyer makes another.
	return x.close(ctx, contentID, "", x.cfg.Now())
}

// close closes the checkouts of a content item, or of a buyer, that were made before a change.
func (x *checkoutCloser) close(ctx context.Context, contentID, customerID string, changed time.Time) error {
	now := x.cfg.Now().UTC()
	var closing []purchase.Checkout
	err := pgx.BeginFunc(ctx, x.cfg.Pool, func(tx pgx.Tx) (err error) {
		closing, err = postgres.CloseCheckouts(ctx, tx, contentID, customerID, changed.UTC().Add(changing), now)
		return err
	})
	if err != nil {
		return err
	}

	var calls errgroup.Group
	calls.SetLimit(closeAtOnce)
	failed := make([]error, len(closing))
	for i, c := range closing {
		calls.Go(func() error {
			failed[i] = x.closeOne(ctx, c, now)
			return nil
		})
	}
	_ = calls.Wait()
	return errors.Join(failed...)
}

// closeOne closes the session of a checkout and records its end. The session of a checkout
// that is being opened may not exist yet: it is looked for again.
func (x *checkoutCloser) closeOne(ctx context.Context, c purchase.Checkout, now time.Time) error {
	if c.SessionID == "" && now.Sub(c.CreatedAt) < opening {
		found, err := x.cfg.Stripe.FindCheckouts(ctx, c.ID, c.CreatedAt.Add(-clockSkew), c.ExpiresAt)
		if err == nil && len(found) == 0 {
			err = errStillOpening
		}
		if err != nil {
			return fmt.Errorf("close checkout %s: %w", c.ID, err)
		}
	}
	if err := x.recordEnd(ctx, c); err != nil {
		return fmt.Errorf("close checkout %s: %w", c.ID, err)
	}
	return nil
}
