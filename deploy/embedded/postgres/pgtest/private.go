package pgtest

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/codex-platform/codex/deploy/embedded"
	"github.com/codex-platform/codex/deploy/embedded/postgres"
)

func startPrivate(ctx context.Context) (source, error) {
	dir, err := embedded.OpenEphemeral()
	if err != nil {
		return source{}, err
	}
	server, err := postgres.Start(ctx, postgres.Config{
		Dir:      dir.Path("postgres"),
		Database: "postgres",
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Settings: map[string]string{
			"fsync":            "off",
			"full_page_writes": "off",
			// Parallel tests have a pool each.
			"max_connections":        "300",
			"autovacuum_max_workers": "1",
		},
	})
	if err != nil {
		return source{}, errors.Join(err, dir.Close())
	}
	return source{
		adminURL: server.URL(),
		stop: func(ctx context.Context) error {
			return errors.Join(server.Stop(ctx), dir.Close())
		},
	}, nil
}
