// Package images is the pictures of users, organizations, content and categories: avatars,
// logos, thumbnails and covers.
package images

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/jobs"
	"github.com/codex-platform/codex/handlers/reactions"
)

// PictureMaker turns an uploaded picture into WebP: by the names sm, md and lg.
type PictureMaker interface {
	// Picture returns a *ffmpeg.RejectError when the picture is at fault.
	Picture(ctx context.Context, content []byte) (map[string][]byte, error)
}

// Config is what pictures need.
type Config struct {
	Pool *pgxpool.Pool
	// Store is the bucket of assets.
	Store *s3.Bucket
	// Maker converts pictures; without one, uploads are answered with 503.
	Maker PictureMaker
	// AssetsURL is where clients find the bucket, without a trailing slash: a CDN.
	// Default: the platform itself, which serves it under /assets.
	AssetsURL string
	// PublicURL is how clients reach the platform, without a trailing slash.
	PublicURL string
	// Conversions is how many pictures are converted at once; default 2.
	Conversions int
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// images handles the requests.
//
// An upload goes: authorise → read → convert → record → put → command. What fails on the
// way leaves at most objects with a record that nothing refers to, which the sweep
// removes. Object names are never used twice, so what is cached under one never changes.
type images struct {
	cfg   Config
	slots chan struct{}
}

// New returns the module.
func New(cfg Config) handlers.Module {
	if cfg.Conversions <= 0 {
		cfg.Conversions = 2
	}
	i := &images{cfg: cfg, slots: make(chan struct{}, cfg.Conversions)}
	unused := &sweeper{Pool: cfg.Pool, Assets: cfg.Store, Now: cfg.Now, Log: cfg.Log}
	return handlers.Module{
		Name:        "images",
		Routes:      append(i.routes(), i.assetRoute()),
		Commands:    []commands.Context{imageCommands()},
		Projections: []reactions.Projection{expediteImages(cfg.Now)},
		Jobs:        []jobs.Job{{Name: "images.sweep", Every: time.Minute, Run: unused.Sweep}},
	}
}
