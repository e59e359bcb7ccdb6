// Package streaming is what buyers get: access, streams, progress and the library.
//
// Access follows from events: grants.go opens and closes it with purchases, and
// entries.go keeps the libraries. Whoever asks for a stream is decided about again with
// every playlist (stream.go).
package streaming

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Config is what streaming needs.
type Config struct {
	Pool *pgxpool.Pool
	// Objects is the bucket that renditions are in.
	Objects StreamObjects
	// Tokens signs and opens stream tokens.
	Tokens *token.Keys
	// PublicURL is how clients reach the platform, without a trailing slash.
	PublicURL string
	// Now is the clock.
	Now func() time.Time
}

// streaming handles the requests.
type streaming struct{ cfg Config }

// New returns the module.
func New(cfg Config) handlers.Module {
	s := &streaming{cfg}
	return handlers.Module{
		Name:        "streaming",
		Routes:      slices.Concat(s.streamRoutes(), s.accessRoutes(), []edge.Route{s.libraryRoute()}),
		Commands:    []commands.Context{playbackCommands()},
		Projections: []reactions.Projection{grantAccess(cfg.Now), refreshLibraries()},
	}
}
