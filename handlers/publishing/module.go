// Package publishing is what creators make: content items from draft to live, their
// categories, and the public catalogue.
//
// The way of a new item: content.go decodes the request and sends the command, commands.go
// loads what the decision rests on, domain/content decides, domain/content/postgres saves
// the row next to the events in the outbox, and the outcome comes back to the request.
package publishing

import (
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Config is what publishing needs.
type Config struct {
	Pool *pgxpool.Pool
	// PayoutsRequired says that paid content can be published only when its creator's
	// payout account can receive money.
	PayoutsRequired bool
	// AssetsURL is where clients find the bucket of assets, without a slash at the end.
	AssetsURL string
}

// publishing handles the requests.
type publishing struct{ cfg Config }

// New returns the module.
func New(cfg Config) handlers.Module {
	p := &publishing{cfg}
	return handlers.Module{
		Name:        "publishing",
		Routes:      slices.Concat(p.catalogueRoutes(), p.contentRoutes(), p.categoryRoutes()),
		Commands:    []commands.Context{contentCommands(cfg.PayoutsRequired), categoryCommands(cfg.AssetsURL)},
		Projections: []reactions.Projection{countSuccess()},
	}
}
