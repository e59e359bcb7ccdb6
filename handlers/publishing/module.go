// Package publishing serves content items from draft to publication, their categories, and
// the public catalogue.
//
// A new item passes through: content.go, which decodes the request and sends the command;
// commands.go, which loads the facts of the decision; domain/content, which decides;
// domain/content/postgres, which saves the row in the transaction that also writes the events
// to the outbox. The outcome is the response.
package publishing

import (
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/money"
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
	// Currency is that of new prices, pounds when none is given.
	Currency money.Currency
	// Quota limits each creator, [domain.DefaultQuota] when it is zero.
	Quota domain.Quota

	usage *usage
	// AssetsURL is where clients find the bucket of assets, without a slash at the end.
	AssetsURL string
}

// publishing handles the requests.
type publishing struct{ cfg Config }

// New returns the module.
func New(cfg Config) handlers.Module {
	if cfg.Currency.Code == "" {
		cfg.Currency = money.CurrencyOf(money.DefaultCurrency)
	}
	cfg.usage = newUsage()
	if cfg.Quota == (domain.Quota{}) {
		cfg.Quota = domain.DefaultQuota
	}
	p := &publishing{cfg}
	return handlers.Module{
		Name:        "publishing",
		Routes:      slices.Concat(p.catalogueRoutes(), p.contentReads(), p.contentWrites(), p.categoryRoutes()),
		Resources:   p.resources(),
		Commands:    []commands.Context{contentCommands(cfg), categoryCommands(cfg)},
		Projections: []reactions.Projection{countSuccess()},
	}
}
