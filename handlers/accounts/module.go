// Package accounts is about users: sign-up, sign-in, sessions, passwords, profiles, and the
// deletion of an account.
//
// Requests that carry credentials or personal data are not commands: the edge writes them
// itself, in one transaction with their events (idempotent.go), because messages of a
// stream cannot be erased. The other changes are commands (commands.go). The projection in
// erasure.go removes what other contexts keep about the user of a deleted account.
package accounts

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Config is what accounts need.
type Config struct {
	Pool      *pgxpool.Pool
	Passwords Passwords
	// PublicURL is how clients reach the platform, without a trailing slash; links in
	// mails begin with it.
	PublicURL string
	// Development adds the routes for test clients.
	Development bool
	// Committed is called after a commit that may have written events or mails, to wake the
	// relay and the mailer. It must not block. Nil: they poll.
	Committed func()
	// Now is the clock.
	Now func() time.Time
}

// accounts handles the requests.
type accounts struct {
	cfg   Config
	turns turns
}

// New returns the module.
func New(cfg Config) handlers.Module {
	a := &accounts{cfg: cfg}
	expired := postgres.Sweeper{Pool: cfg.Pool, Now: cfg.Now}
	return handlers.Module{
		Name: "accounts",
		Routes: slices.Concat(
			a.signInRoutes(), a.passwordRoutes(), a.sessionRoutes(), a.testRoutes(), a.profileRoutes(), a.accountRoutes(),
		),
		Resources:   a.resources(),
		Commands:    []commands.Context{userCommands()},
		Projections: []reactions.Projection{eraseData(cfg.Now)},
		Jobs:        []jobs.Job{{Name: "accounts.sweep", Every: time.Hour, Run: expired.Sweep}},
	}
}
