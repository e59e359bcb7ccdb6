package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/codex-platform/codex/domain/postgres"
)

// Sweeper removes the windows that are over. They count for nothing; removing them
// keeps the tables small.
type Sweeper struct {
	DB  postgres.Execer
	Now func() time.Time
}

// Sweep removes the windows that ended a minute ago or earlier, and returns how many
// those were. The minute is for a sweeper whose clock is ahead of the database's.
func (s *Sweeper) Sweep(ctx context.Context) (int, error) {
	removed := 0
	for _, sql := range []string{
		`DELETE FROM rate_leases WHERE resets_at <= LEAST($1, clock_timestamp()) - interval '1 minute'`,
		`DELETE FROM rate_limits WHERE resets_at <= $1::timestamptz - interval '1 minute'`,
	} {
		tag, err := s.DB.Exec(ctx, sql, s.Now().UTC())
		if err != nil {
			return removed, fmt.Errorf("sweep limits: %w", err)
		}
		removed += int(tag.RowsAffected())
	}
	return removed, nil
}
