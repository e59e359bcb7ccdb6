package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// markSQL marks rows of one day as published. They are named by their tid, which changes
// with a mark only, or when an operator rewrites the table: the position guards against
// that. The day is written out so that the plan has one partition. The epoch fences a
// relay that another has replaced.
const markSQL = `
UPDATE outbox SET published_at = clock_timestamp()
WHERE day = '%s' AND ctid = ANY($1::tid[]) AND (position IN (SELECT unnest($2::bigint[]))) IS TRUE
  AND published_at IS NULL AND (SELECT lease_epoch FROM relay_state) = $3`

// progressSQL renews the lease and remembers how far the stream was written. Its row stays
// locked until the marks of the same batch are committed, so that a next holder sees them.
const progressSQL = `
UPDATE relay_state SET lease_expires_at = clock_timestamp() + $2::interval,
                       last_sequence = GREATEST(last_sequence, $3)
WHERE lease_epoch = $1`

// mark marks rows that the stream holds up to a sequence, in one transaction and one round
// trip, and renews the lease with it.
func (l *lease) mark(ctx context.Context, rows []row, last uint64) error {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	// Sequences stay far below 2^63.
	batch.Queue(progressSQL, l.epoch, leaseTime, int64(last))
	type dayRows struct {
		tids      []pgtype.TID
		positions []int64
	}
	days := map[time.Time]*dayRows{}
	for _, r := range rows {
		d := days[r.day]
		if d == nil {
			d = &dayRows{}
			days[r.day] = d
		}
		d.tids = append(d.tids, r.tid)
		d.positions = append(d.positions, r.position)
	}
	for day, d := range days {
		batch.Queue(fmt.Sprintf(markSQL, day.Format(time.DateOnly)), d.tids, d.positions, l.epoch)
	}

	sent := time.Now()
	results := l.writer.SendBatch(ctx, batch)
	tag, err := results.Exec()
	if closed := results.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("mark: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errLeaseLost
	}
	l.extend(sent)
	return nil
}
