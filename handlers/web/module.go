package web

import (
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/handlers"
)

// Config is what the pages need.
type Config struct {
	Pool *pgxpool.Pool
	// Development adds the mailbox, and shows the places that exist in development only.
	Development bool
	// Payments is the address of the payments sandbox; empty without one.
	Payments string
}

// New returns the module.
func New(cfg Config) handlers.Module {
	return handlers.Module{
		Name: "web",
		Routes: slices.Concat(
			home{cfg.Development, cfg.Payments}.routes(),
			mailbox{cfg.Pool, cfg.Development}.routes(),
			docsRoutes(), invitationRoutes(), resetRoutes(),
		),
	}
}
