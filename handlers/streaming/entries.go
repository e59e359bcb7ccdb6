package streaming

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// refreshLibraries brings the library entries of an item up to date when its title, length,
// type or visibility changes. It reads the item as it is now, so that the order of events
// does not matter.
func refreshLibraries() reactions.Projection {
	return reactions.Projection{
		Name: "library",
		Events: []string{
			events.ContentRevised{}.EventType(), events.ContentPriceChanged{}.EventType(),
			events.ContentPublished{}.EventType(), events.ContentUnpublished{}.EventType(),
			events.ContentDeleted{}.EventType(), events.MediaReady{}.EventType(),
			events.MediaRevised{}.EventType(), events.MediaDeleted{}.EventType(),
		},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
			var items []string
			for _, e := range batch {
				switch e.Payload.(type) {
				case *events.MediaReady, *events.MediaRevised, *events.MediaDeleted:
					if err := postgres.RefreshLibraryMedia(ctx, tx, e.AggregateID); err != nil {
						return fmt.Errorf("refresh libraries: %w", err)
					}
				default:
					items = append(items, e.AggregateID)
				}
			}
			return postgres.RefreshLibraryItems(ctx, tx, items)
		},
	}
}
