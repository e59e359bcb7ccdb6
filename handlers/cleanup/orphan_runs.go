package cleanup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
)

// claimLock is the advisory lock under which processes claim the search that is due.
const claimLock = 7402110010

// status returns the state of the search for orphans.
func (o *orphans) status(ctx context.Context) (OrphanCleanup, error) {
	var status OrphanCleanup
	row := o.cfg.Pool.QueryRow(ctx, `
SELECT (SELECT requested_at FROM orphan_cleanups WHERE started_at IS NULL),
       EXISTS (SELECT FROM orphan_cleanups WHERE started_at > $1 AND finished_at IS NULL)`,
		o.cfg.Now().Add(-lostAfter))
	err := row.Scan(&status.ScheduledAt, &status.Running)
	if err != nil {
		return status, fmt.Errorf("read the searches for orphans: %w", err)
	}
	last, found, err := lastSearch(ctx, o.cfg.Pool)
	if found {
		status.Last = &last.OrphanRun
	}
	return status, err
}

// schedule asks for a search soon. One that is scheduled already stays the only one.
func (o *orphans) schedule(ctx context.Context) (OrphanCleanup, error) {
	_, err := o.cfg.Pool.Exec(ctx, `
INSERT INTO orphan_cleanups (id, requested_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		uuid.NewString(), o.cfg.Now().UTC())
	if err != nil {
		return OrphanCleanup{}, fmt.Errorf("schedule a search for orphans: %w", err)
	}
	return o.status(ctx)
}

// lastSearch returns the last search that ended.
func lastSearch(ctx context.Context, db postgres.RowQueryer) (s search, found bool, err error) {
	err = db.QueryRow(ctx, `
SELECT id, started_at, finished_at, scanned, orphans, removed, removed_bytes, aborted_uploads, complete, failed,
       COALESCE(next_bucket, ''), COALESCE(next_key, '')
FROM orphan_cleanups WHERE finished_at IS NOT NULL ORDER BY finished_at DESC, id LIMIT 1`).Scan(
		&s.ID, &s.StartedAt, &s.FinishedAt, &s.Scanned, &s.Orphans, &s.Removed, &s.RemovedBytes, &s.AbortedUploads,
		&s.Complete, &s.Failed, &s.bucket, &s.after,
	)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return search{}, false, nil
	case err != nil:
		return search{}, false, fmt.Errorf("read the last search for orphans: %w", err)
	default:
		return s, true, nil
	}
}

// start records a search that starts now, where the last one ended.
func (o *orphans) start(ctx context.Context, db postgres.DB) (*search, error) {
	last, _, err := lastSearch(ctx, db)
	if err != nil {
		return nil, err
	}

	s := &search{bucket: last.bucket, after: last.after}
	s.ID = uuid.NewString()
	s.StartedAt = o.cfg.Now().UTC().Truncate(time.Microsecond)
	_, err = db.Exec(ctx, `INSERT INTO orphan_cleanups (id, requested_at, started_at) VALUES ($1, $2, $2)`,
		s.ID, s.StartedAt)
	if err != nil {
		return nil, fmt.Errorf("start a search for orphans: %w", err)
	}
	return s, nil
}

// claim starts the search that is due, when one is and none is running. One of several
// processes gets it; the others get nil.
func (o *orphans) claim(ctx context.Context) (s *search, err error) {
	err = pgx.BeginFunc(ctx, o.cfg.Pool, func(tx pgx.Tx) error {
		now := o.cfg.Now().UTC()
		var due bool
		err := tx.QueryRow(ctx, `
SELECT pg_try_advisory_xact_lock($1)
   AND NOT EXISTS (SELECT FROM orphan_cleanups WHERE started_at > $2 AND finished_at IS NULL)
   AND (EXISTS (SELECT FROM orphan_cleanups WHERE started_at IS NULL)
        OR NOT EXISTS (SELECT FROM orphan_cleanups WHERE finished_at > $3 AND complete))`,
			int64(claimLock), now.Add(-lostAfter), now.Add(-searchEvery)).Scan(&due)
		if err != nil || !due {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM orphan_cleanups WHERE started_at IS NULL OR started_at < $1`,
			now.Add(-runRetention))
		if err != nil {
			return err
		}
		s, err = o.start(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim a search for orphans: %w", err)
	}
	return s, nil
}

// finish stores what a search did.
func (o *orphans) finish(ctx context.Context, s *search) error {
	_, err := o.cfg.Pool.Exec(ctx, `
UPDATE orphan_cleanups
SET finished_at = $2, scanned = $3, orphans = $4, removed = $5, removed_bytes = $6, aborted_uploads = $7,
    complete = $8, failed = $9, next_bucket = NULLIF($10, ''), next_key = NULLIF($11, '')
WHERE id = $1`,
		s.ID, s.FinishedAt, s.Scanned, s.Orphans, s.Removed, s.RemovedBytes, s.AbortedUploads,
		s.Complete, s.Failed, s.bucket, s.after)
	if err != nil {
		return fmt.Errorf("finish a search for orphans: %w", err)
	}
	return nil
}
