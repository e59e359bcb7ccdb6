// Package streaming serves content to its viewers: access decisions, streams, progress and
// the library.
//
// Podcast apps fetch a private feed per user and organization (podcast_feed.go), with a token of its
// own: the feed is read, and access decided, at each request.
//
// Access follows from events: grants.go grants and revokes it with purchases, and
// entries.go keeps the entries of libraries up to date. Access is decided again with every
// playlist (playlists.go) and, every few seconds, with the files that players fetch
// (files.go), so revoking it stops a running stream.
package streaming

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/reactions"
)

// Config is what streaming needs.
type Config struct {
	Pool *pgxpool.Pool
	// Objects is the bucket with the renditions.
	Objects Objects
	// Tokens signs and opens stream tokens.
	Tokens *token.Keys
	// PublicURL is how clients reach the platform, without a trailing slash.
	PublicURL string
	// Now is the clock.
	Now func() time.Time
}

// Objects is what streaming needs of an object store.
type Objects interface {
	// Read returns an object's bytes, limit at most; s3.ErrNotFound when there is none.
	Read(ctx context.Context, key string, part s3.Range, etag string, limit int64) ([]byte, error)
	// PresignGet returns a URL that reads one object for so long. The object need not
	// exist.
	PresignGet(ctx context.Context, key string, life time.Duration) (string, error)
	// PresignDownload is PresignGet for a file that a browser saves under a name.
	PresignDownload(ctx context.Context, key, disposition, contentType string, life time.Duration) (string, error)
}

// New returns the module.
func New(cfg Config) handlers.Module {
	s := &streaming{cfg, newFiles()}
	return handlers.Module{
		Name: "streaming",
		Routes: slices.Concat(
			[]edge.Route{s.streamRoute(), s.libraryRoute()},
			s.playlistRoutes(),
			s.fileRoutes(),
			s.downloadRoutes(),
			s.captionRoutes(),
			s.chapterRoutes(),
			[]edge.Route{s.storyboardRoute()},
			s.accessRoutes(),
			s.podcastRoutes(),
			s.feedRoutes(),
		),
		Commands:    []commands.Context{playbackCommands(), podcastCommands()},
		Projections: []reactions.Projection{grantAccess(cfg.Now), refreshLibraries()},
	}
}

// streaming handles the requests.
type streaming struct {
	cfg   Config
	files *files
}
