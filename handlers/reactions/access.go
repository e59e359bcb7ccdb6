package reactions

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/events"
)

// AccessName is the name of the reaction [Access]. Whoever reports a payment waits
// for it, so that access is there with the answer.
const AccessName = "access"

// Access opens and closes access with the purchases it rests on. It touches the
// grant of that purchase alone: what the buyer has from elsewhere stays.
func Access(now func() time.Time) Reaction {
	return Reaction{
		Name: AccessName,
		Events: []string{
			events.PurchaseCompleted{}.EventType(), events.PurchaseRefunded{}.EventType(),
			events.PurchaseDisputed{}.EventType(), events.PurchaseDisputeClosed{}.EventType(),
		},
		Handle: func(ctx context.Context, tx pgx.Tx, e events.Event, p events.Payload) ([]events.Fact, error) {
			purchaseID, userID, contentID, ok := access.PurchaseOf(p)
			if !ok {
				return nil, nil
			}
			at := now().UTC()
			grant, found, err := postgres.LockPurchaseGrant(ctx, tx, purchaseID, userID, contentID, at)
			if err != nil || !found {
				return nil, err
			}
			next, happened := grant.Follow(p, e.ID, e.Version, at)
			if next == grant {
				return nil, nil // told before, or overtaken
			}
			if err := postgres.SaveGrant(ctx, tx, next); err != nil {
				return nil, err
			}
			b := &pgx.Batch{}
			postgres.QueueRefreshLibrary(b, []postgres.Question{{UserID: next.UserID, ContentID: next.ContentID}})
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return nil, fmt.Errorf("refresh the library: %w", err)
			}
			facts := make([]events.Fact, len(happened))
			for i, payload := range happened {
				facts[i] = events.Fact{Tenant: next.Tenant(), AggregateID: next.ID, Version: next.Version - int64(len(happened)-1-i), Payload: payload}
			}
			return facts, nil
		},
	}
}
