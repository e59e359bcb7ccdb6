package streaming

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
)

// refreshLibraries updates the library entries of an item when its title, duration, type or
// visibility changes. It reads the item as it is now, so that the order of events does not
// matter. What changes with grants and playbacks is written with them.
func refreshLibraries() reactions.Projection {
	return reactions.Projection{
		Name: "library",
		Events: []string{
			events.ContentRevised{}.EventType(),
			events.ContentPriceChanged{}.EventType(),
			events.ContentPublished{}.EventType(),
			events.ContentUnpublished{}.EventType(),
			events.ContentDeleted{}.EventType(),
			events.MediaReady{}.EventType(),
			events.MediaRevised{}.EventType(),
			events.MediaDeleted{}.EventType(),
		},
		Apply: func(ctx context.Context, tx pgx.Tx, batch []reactions.Event) error {
			var items, media []string
			for _, e := range batch {
				switch e.Payload.(type) {
				case *events.MediaReady, *events.MediaRevised, *events.MediaDeleted:
					media = append(media, e.AggregateID)
				default:
					items = append(items, e.AggregateID)
				}
			}
			return postgres.RefreshLibraryItems(ctx, tx, items, media)
		},
	}
}
