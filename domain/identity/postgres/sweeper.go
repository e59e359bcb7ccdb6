package postgres

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/periodic"
)

// Sweeper removes expired sessions, verifications and limits. They count for nothing from
// the moment they expire; removing them keeps the tables small and addresses no longer than
// needed.
type Sweeper struct {
	Pool *pgxpool.Pool
	// Every is how often; default one hour.
	Every time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// Run sweeps until ctx is done.
func (s *Sweeper) Run(ctx context.Context) error {
	periodic.Run(ctx, cmp.Or(s.Every, time.Hour), func() {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "identity sweep failed", "error", err)
		}
	})
	return nil
}

// Sweep removes expired rows and returns how many there were.
func (s *Sweeper) Sweep(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var removed int64
	for _, sql := range []string{
		`DELETE FROM sessions WHERE expires_at <= $1`,
		`DELETE FROM verification WHERE expires_at <= $1`,
		`DELETE FROM rate_limits WHERE resets_at <= $1`,
	} {
		tag, err := s.Pool.Exec(ctx, sql, s.Now().UTC())
		if err != nil {
			return removed, fmt.Errorf("sweep identity: %w", err)
		}
		removed += tag.RowsAffected()
	}
	return removed, nil
}
