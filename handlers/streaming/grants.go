package streaming

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// grantAccess grants and revokes access with purchases. It changes only the grant of the
// purchase: other grants of the buyer stay as they are.
func grantAccess(now func() time.Time) reactions.Projection {
	return reactions.Projection{
		Name: access.GrantProjection,
		Events: []string{
			events.PurchaseCompleted{}.EventType(),
			events.PurchaseRefunded{}.EventType(),
			events.PurchaseRefundFailed{}.EventType(),
			events.PurchaseDisputed{}.EventType(),
			events.PurchaseDisputeClosed{}.EventType(),
		},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
			return applyToGrants(ctx, tx, batch, now().UTC())
		},
	}
}

// applyToGrants loads the grants of the purchases of a batch, applies the events to them,
// and saves those that changed.
func applyToGrants(ctx context.Context, tx pgx.Tx, batch []reactions.Event, now time.Time) error {
	var purchases []postgres.Purchase
	for _, e := range batch {
		if purchase, ok := purchaseOf(e.Payload); ok {
			purchases = append(purchases, purchase)
		}
	}
	if len(purchases) == 0 {
		return nil
	}

	grants := map[postgres.Purchase]access.Grant{}
	load := &pgx.Batch{}
	if err := postgres.QueueLockPurchaseGrants(load, purchases, now, grants); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, load).Close(); err != nil {
		return fmt.Errorf("lock grants: %w", err)
	}

	changed := map[postgres.Purchase]access.Grant{}
	for _, e := range batch {
		purchase, ok := purchaseOf(e.Payload)
		if !ok {
			continue
		}
		grant, found := grants[purchase]
		if !found {
			continue // the buyer or the item no longer exists
		}
		next, payloads := grant.Follow(e.Payload, e.ID, e.Version, now)
		if next == grant {
			continue // repeated, or overtaken by a later event
		}
		grants[purchase], changed[purchase] = next, next
		e.Emit(events.Facts(next.Tenant(), next.ID, next.Version, payloads...)...)
	}

	save := &pgx.Batch{}
	if err := postgres.QueueSaveGrants(save, changed); err != nil {
		return err
	}
	return reactions.Save(ctx, tx, save)
}

func purchaseOf(p events.Payload) (postgres.Purchase, bool) {
	id, userID, contentID, ok := access.PurchaseOf(p)
	return postgres.Purchase{ID: id, UserID: userID, ContentID: contentID}, ok
}
