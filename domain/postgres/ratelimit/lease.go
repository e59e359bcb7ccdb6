package ratelimit

import (
	"context"
	"time"

	"github.com/codex-platform/codex/domain/postgres"
)

// shareOf is the part of what is left of an allowance that one lease takes: an
// eighth. A limit of 1000 is used up in 44 statements, one below 16 in as many as it
// has uses.
const shareOf = 8

// share is what a statement leased.
type share struct {
	granted  int           // uses; none when the allowance is used up
	unleased int           // what is left of the allowance
	rest     time.Duration // of the window, when the statement ended
}

// acquire leases a share, in one statement. Statements on one key run one after the
// other, on the row's lock; each judges by one reading of the clock, taken before it
// had the lock, so that it begins no window early. One that judges by a reading that
// got old while it waited leases from a window that is over, which its rest then says.
func acquire(
	ctx context.Context, db postgres.RowQueryer, key Key, limit int, window, ahead time.Duration,
) (share, error) {
	var s share
	var used int
	var rest float64
	err := db.QueryRow(ctx, `
INSERT INTO rate_leases AS r (key, used, granted, resets_at)
VALUES ($1, LEAST($2::int, GREATEST(1, $2::int / $3)), LEAST($2::int, GREATEST(1, $2::int / $3)),
        clock_timestamp() + $4::interval + $5::interval)
ON CONFLICT (key) DO UPDATE SET
    used = CASE WHEN r.resets_at <= excluded.resets_at - $4::interval THEN excluded.used
                ELSE r.used + GREATEST(0, LEAST($2::int - r.used, GREATEST(1, ($2::int - r.used) / $3))) END,
    granted = CASE WHEN r.resets_at <= excluded.resets_at - $4::interval THEN excluded.used
                ELSE GREATEST(0, LEAST($2::int - r.used, GREATEST(1, ($2::int - r.used) / $3))) END,
    resets_at = CASE WHEN r.resets_at <= excluded.resets_at - $4::interval THEN excluded.resets_at ELSE r.resets_at END
RETURNING used, granted, EXTRACT(EPOCH FROM resets_at - (clock_timestamp() + $5::interval))::float8`,
		key[:], limit, shareOf, window, ahead).Scan(&used, &s.granted, &rest)
	s.unleased = limit - used
	s.rest = time.Duration(rest * float64(time.Second))
	return s, err
}
