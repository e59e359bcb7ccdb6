package reactions

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/events"
)

// Library brings the library entries of an item up to date when its title, length, type or
// visibility changes. It reads the item as it is now, so that the order of events does
// not matter.
func Library() Reaction {
	return Reaction{
		Name: "library",
		Events: []string{
			events.ContentRevised{}.EventType(), events.ContentPriceChanged{}.EventType(), events.ContentPublished{}.EventType(),
			events.ContentUnpublished{}.EventType(), events.ContentDeleted{}.EventType(),
			events.MediaReady{}.EventType(), events.MediaRevised{}.EventType(), events.MediaDeleted{}.EventType(),
		},
		Handle: func(ctx context.Context, tx pgx.Tx, _ events.Event, p events.Payload) ([]events.Fact, error) {
			switch p := p.(type) {
			case *events.ContentRevised:
				return nil, postgres.RefreshLibraryItems(ctx, tx, []string{p.ContentID})
			case *events.ContentPriceChanged:
				return nil, postgres.RefreshLibraryItems(ctx, tx, []string{p.ContentID})
			case *events.ContentPublished:
				return nil, postgres.RefreshLibraryItems(ctx, tx, []string{p.ContentID})
			case *events.ContentUnpublished:
				return nil, postgres.RefreshLibraryItems(ctx, tx, []string{p.ContentID})
			case *events.ContentDeleted:
				return nil, postgres.RefreshLibraryItems(ctx, tx, []string{p.ContentID})
			case *events.MediaReady:
				return nil, postgres.RefreshLibraryMedia(ctx, tx, p.MediaID)
			case *events.MediaRevised:
				return nil, postgres.RefreshLibraryMedia(ctx, tx, p.MediaID)
			case *events.MediaDeleted:
				return nil, postgres.RefreshLibraryMedia(ctx, tx, p.MediaID)
			default:
				return nil, nil
			}
		},
	}
}
