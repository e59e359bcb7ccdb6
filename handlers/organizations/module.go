// Package organizations is about tenants: organizations, their public pages and their
// members.
package organizations

import (
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
)

// Config is what organizations need.
type Config struct {
	Pool *pgxpool.Pool
	// PublicURL is how clients reach the platform, without a trailing slash; links in
	// mails begin with it.
	PublicURL string
}

// organizations handles the requests.
type organizations struct{ cfg Config }

// New returns the module.
func New(cfg Config) handlers.Module {
	o := &organizations{cfg}
	return handlers.Module{
		Name: "organizations",
		Routes: slices.Concat(
			o.tenantRoutes(), o.managementRoutes(), o.publicRoutes(),
			o.memberRoutes(), o.roleRoutes(), o.membershipRoutes(),
		),
		Resources: o.resources(),
		Commands:  []commands.Context{organizationCommands(cfg.PublicURL)},
	}
}
