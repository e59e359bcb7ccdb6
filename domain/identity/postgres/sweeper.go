package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Sweeper removes expired sessions and verifications. They are ignored from the moment they
// expire; the removal keeps the tables small, and addresses no longer than needed.
type Sweeper struct {
	Pool *pgxpool.Pool
	Now  func() time.Time
}

// Sweep removes the expired rows and returns how many.
func (s *Sweeper) Sweep(ctx context.Context) (int, error) {
	removed := 0
	for _, sql := range []string{
		`DELETE FROM sessions WHERE expires_at <= $1`,
		`DELETE FROM verification WHERE expires_at <= $1`,
	} {
		tag, err := s.Pool.Exec(ctx, sql, s.Now().UTC())
		if err != nil {
			return removed, fmt.Errorf("sweep identity: %w", err)
		}
		removed += int(tag.RowsAffected())
	}
	return removed, nil
}
