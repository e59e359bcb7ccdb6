package reactions

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/events"
)

// Counters keeps the public counts of a content item: how often it was bought and not
// refunded in full, and how many users began to play it. The inbox mark counts every
// event once; additions do not depend on their order.
func Counters() Projection {
	return Projection{
		Name: "counters",
		Events: []string{
			events.PurchaseCompleted{}.EventType(), events.PurchaseRefunded{}.EventType(),
			events.PlaybackStarted{}.EventType(),
		},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []Event) error {
			sums := map[string]counts{}
			for _, e := range batch {
				id, added := countsOf(e.Payload)
				sum := sums[id]
				sums[id] = counts{views: sum.views + added.views, purchases: sum.purchases + added.purchases}
			}
			delete(sums, "")
			return addCounts(ctx, tx, sums)
		},
	}
}

// counts are changes of a content item's counts.
type counts struct{ views, purchases int }

// countsOf returns what an event adds to which item; "" for none.
func countsOf(p events.Payload) (contentID string, added counts) {
	switch p := p.(type) {
	case *events.PurchaseCompleted:
		return p.ContentID, counts{purchases: 1}
	case *events.PurchaseRefunded:
		if p.Full { // a payment has at most one full refund
			return p.ContentID, counts{purchases: -1}
		}
	case *events.PlaybackStarted:
		return p.ContentID, counts{views: 1}
	}
	return "", counts{}
}

// addCounts adds the sums of a batch with one statement; it locks the items in the order
// of their ids.
func addCounts(ctx context.Context, tx pgx.Tx, sums map[string]counts) error {
	if len(sums) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(sums))
	views, purchases := make([]int, len(ids)), make([]int, len(ids))
	for i, id := range ids {
		views[i], purchases[i] = sums[id].views, sums[id].purchases
	}
	_, err := tx.Exec(ctx, `
WITH added AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[]) AS a (content_id, views, purchases)
), locked AS MATERIALIZED (
    SELECT id FROM content WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
)
UPDATE content c SET view_count = c.view_count + a.views, purchase_count = c.purchase_count + a.purchases
FROM added a JOIN locked l ON l.id = a.content_id WHERE c.id = l.id`, ids, views, purchases)
	if err != nil {
		return fmt.Errorf("add to the counts of content: %w", err)
	}
	return nil
}
