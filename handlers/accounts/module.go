// Package accounts is about people: signing up and in, sessions, passwords, profiles, and
// the end of an account.
//
// Requests that carry credentials are written by the edge itself, in one transaction with
// their events (idempotent.go), because a message of a stream cannot be erased. Everything
// else goes through commands.go. What other contexts know of a deleted account erasure.go
// removes.
package accounts

import (
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
	// Development adds the short cuts of test clients.
	Development bool
	// Committed is called after a commit that left events or mails behind, to wake
	// the relay and the mailer. It must not block. Nil: they poll.
	Committed func()
	// Now is the clock.
	Now func() time.Time
}

// accounts handles the requests.
type accounts struct{ cfg Config }

// New returns the module.
func New(cfg Config) handlers.Module {
	a := &accounts{cfg}
	expired := postgres.Sweeper{Pool: cfg.Pool, Now: cfg.Now}
	return handlers.Module{
		Name:        "accounts",
		Routes:      append(a.authRoutes(), a.profileRoutes()...),
		Commands:    []commands.Context{userCommands()},
		Projections: []reactions.Projection{eraseData(cfg.Now)},
		Jobs:        []jobs.Job{{Name: "accounts.sweep", Every: time.Hour, Run: expired.Sweep}},
	}
}
