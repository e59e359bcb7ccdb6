package publishing

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// countSuccess keeps the counts of content items: purchases that were not refunded in full,
// users who began to play the item, and downloads that were begun. The inbox mark counts every event once; additions do
// not depend on their order.
func countSuccess() reactions.Projection {
	return reactions.Projection{
		Name: "counters",
		Events: []string{
			events.PurchaseCompleted{}.EventType(), events.PurchaseRefunded{}.EventType(),
			events.PurchaseRefundFailed{}.EventType(), events.PlaybackStarted{}.EventType(),
			events.MediaDownloaded{}.EventType(),
		},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
			sums := map[string]postgres.Count{}
			for _, e := range batch {
				added := countOf(e.Payload)
				sum := sums[added.ContentID]
				added.Views += sum.Views
				added.Purchases += sum.Purchases
				added.Downloads += sum.Downloads
				sums[added.ContentID] = added
			}
			delete(sums, "")
			save := &pgx.Batch{}
			postgres.QueueCount(save, slices.Collect(maps.Values(sums)))
			return reactions.Save(ctx, tx, save)
		},
	}
}

// countOf returns what an event adds to which item; the zero count for nothing.
func countOf(p events.Payload) postgres.Count {
	switch p := p.(type) {
	case *events.PurchaseCompleted:
		return postgres.Count{ContentID: p.ContentID, Purchases: 1}
	case *events.PurchaseRefunded:
		if p.Full { // the next full one comes after one that failed
			return postgres.Count{ContentID: p.ContentID, Purchases: -1}
		}
	case *events.PurchaseRefundFailed:
		if p.WasFull {
			return postgres.Count{ContentID: p.ContentID, Purchases: 1}
		}
	case *events.PlaybackStarted:
		return postgres.Count{ContentID: p.ContentID, Views: 1}
	case *events.MediaDownloaded:
		return postgres.Count{ContentID: p.ContentID, Downloads: 1}
	}
	return postgres.Count{}
}
