package reactions

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/events"
)

// Counters keeps what is public about a content item's success: how often it was
// bought and not given back in full, and how many began to play it. The inbox mark
// counts every event once; additions do not care about their order.
func Counters() Reaction {
	return Reaction{
		Name: "counters",
		Events: []string{
			events.PurchaseCompleted{}.EventType(), events.PurchaseRefunded{}.EventType(), events.PlaybackStarted{}.EventType(),
		},
		Handle: func(ctx context.Context, tx pgx.Tx, _ events.Event, p events.Payload) ([]events.Fact, error) {
			var id string
			purchases, views := 0, 0
			switch p := p.(type) {
			case *events.PurchaseCompleted:
				id, purchases = p.ContentID, 1
			case *events.PurchaseRefunded:
				if !p.Full { // of a payment, at most one refund is
					return nil, nil
				}
				id, purchases = p.ContentID, -1
			case *events.PlaybackStarted:
				id, views = p.ContentID, 1
			default:
				return nil, nil
			}
			b := &pgx.Batch{}
			postgres.QueueCount(b, []postgres.Count{{ContentID: id, Views: views, Purchases: purchases}})
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return nil, fmt.Errorf("count: %w", err)
			}
			return nil, nil
		},
	}
}
