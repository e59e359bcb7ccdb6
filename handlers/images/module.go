// Package images is the pictures of users, organizations, content and categories: avatars,
// logos, thumbnails and covers.
//
// An upload is authorized, read, converted, recorded and stored; then a command attaches the
// picture to its owner. An upload that fails in between leaves at most objects with a record
// that nothing refers to, which the sweep removes (sweep.go). Object names are never reused,
// so caches never become stale.
package images

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
)

// PictureMaker converts an uploaded picture to WebP in the sizes sm, md and lg.
type PictureMaker interface {
	// Picture returns a *ffmpeg.RejectError when the picture is at fault.
	Picture(ctx context.Context, content []byte) (map[string][]byte, error)
}

// FrameReader reads pictures from renditions.
type FrameReader interface {
	// Frame returns the picture at a time of a segment of a rendition behind its header, as a JPEG.
	Frame(ctx context.Context, fragment []byte, seconds float64) ([]byte, error)
}

// Config configures the module.
type Config struct {
	Pool *pgxpool.Pool
	// Store is the bucket of assets.
	Store *s3.Bucket
	// Frames reads posters from the bucket Renditions; without them, choosing a time gets 503.
	Frames     FrameReader
	Renditions *s3.Bucket
	// Maker converts pictures; without one, uploads get 503.
	Maker PictureMaker
	// AssetsURL is the URL of the bucket for clients, for example of a CDN; default the
	// platform itself, which serves it under /assets.
	AssetsURL string
	// PublicURL is the URL of the platform for clients, without a trailing slash.
	PublicURL string
	// Conversions is how many pictures are converted at once, one per user; default 2.
	Conversions int
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// images handles the requests of the module.
type images struct {
	cfg   Config
	slots chan struct{}
	turns turns
}

// New returns the module.
func New(cfg Config) handlers.Module {
	if cfg.Conversions <= 0 {
		cfg.Conversions = 2
	}
	i := &images{cfg: cfg, slots: make(chan struct{}, cfg.Conversions)}
	unused := &sweeper{cfg}
	return handlers.Module{
		Name:        "images",
		Routes:      slices.Concat(i.routes(), i.posterRoutes(), []edge.Route{i.assetRoute()}),
		Resources:   i.resources(),
		Commands:    []commands.Context{imageCommands()},
		Projections: []reactions.Projection{expediteImages(cfg.Now)},
		Jobs:        []jobs.Job{{Name: "images.sweep", Every: time.Minute, Run: unused.sweep}},
	}
}
