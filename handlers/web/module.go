package web

import (
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/handlers"
)

// Config is what the pages need.
type Config struct {
	Pool *pgxpool.Pool
	// Development adds the mailbox, and lists the pages for developers on the home page.
	Development bool
	// Payments is the address of the payments sandbox; empty without one.
	Payments string
}

// New returns the module.
func New(cfg Config) handlers.Module {
	return handlers.Module{
		Name: "web",
		Routes: slices.Concat(
			home{Development: cfg.Development, Payments: cfg.Payments}.routes(),
			mailbox{Pool: cfg.Pool, Development: cfg.Development}.routes(),
			invitationRoutes(),
			resetRoutes(),
			docsRoutes(),
		),
	}
}
