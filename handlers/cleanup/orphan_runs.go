package cleanup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Status says when the last search ended, and whether one is asked for or running.
func (o *Orphans) Status(ctx context.Context) (OrphanCleanup, error) {
	var status OrphanCleanup
	err := o.Pool.QueryRow(ctx, `
SELECT (SELECT requested_at FROM orphan_cleanups WHERE started_at IS NULL),
       EXISTS (SELECT FROM orphan_cleanups WHERE started_at > $1 AND finished_at IS NULL)`, o.Now().Add(-staleRun)).
		Scan(&status.ScheduledAt, &status.Running)
	if err != nil {
		return status, fmt.Errorf("read the searches for orphans: %w", err)
	}
	last, err := o.last(ctx)
	if last != nil {
		status.Last = &last.OrphanRun
	}
	return status, err
}

// Schedule asks for a run soon. A run that is asked for already is that run.
func (o *Orphans) Schedule(ctx context.Context) (OrphanCleanup, error) {
	_, err := o.Pool.Exec(ctx, `INSERT INTO orphan_cleanups (id, requested_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		uuid.NewString(), o.Now().UTC())
	if err != nil {
		return OrphanCleanup{}, fmt.Errorf("ask for a search for orphans: %w", err)
	}
	return o.Status(ctx)
}

// last returns the last run that ended, nil when none did.
func (o *Orphans) last(ctx context.Context) (*search, error) {
	r := &search{}
	err := o.Pool.QueryRow(ctx, `
SELECT id, started_at, finished_at, scanned, orphans, removed, removed_bytes, aborted_uploads, complete, failed,
       COALESCE(next_bucket, ''), COALESCE(next_key, '')
FROM orphan_cleanups WHERE finished_at IS NOT NULL ORDER BY finished_at DESC, id LIMIT 1`).
		Scan(&r.ID, &r.StartedAt, &r.FinishedAt, &r.Scanned, &r.Orphans, &r.Removed, &r.RemovedBytes, &r.AbortedUploads,
			&r.Complete, &r.Failed, &r.bucket, &r.after)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the last search for orphans: %w", err)
	}
	return r, nil
}

// begin writes a run that begins now. It goes on where the last one ended.
func (o *Orphans) begin(ctx context.Context) (*search, error) {
	last, err := o.last(ctx)
	if err != nil {
		return nil, err
	}
	r := &search{}
	if last != nil {
		r.bucket, r.after = last.bucket, last.after
	}
	r.ID, r.StartedAt = uuid.NewString(), o.Now().UTC().Truncate(time.Microsecond)
	_, err = o.Pool.Exec(ctx, `INSERT INTO orphan_cleanups (id, requested_at, started_at) VALUES ($1, $2, $2)`, r.ID, r.StartedAt)
	if err != nil {
		return nil, fmt.Errorf("begin a search for orphans: %w", err)
	}
	return r, nil
}

// claim begins the run that is due, if one is and none is running. Of several processes that ask, one gets it.
func (o *Orphans) claim(ctx context.Context) (*search, bool, error) {
	var r *search
	err := pgx.BeginFunc(ctx, o.Pool, func(tx pgx.Tx) error {
		now := o.Now().UTC().Truncate(time.Microsecond)
		var due bool
		// The number is the lock's name, and nothing else.
		err := tx.QueryRow(ctx, `
SELECT pg_try_advisory_xact_lock(7402110010) AND NOT EXISTS (SELECT FROM orphan_cleanups WHERE started_at > $1 AND finished_at IS NULL)
   AND (EXISTS (SELECT FROM orphan_cleanups WHERE started_at IS NULL)
        OR NOT EXISTS (SELECT FROM orphan_cleanups WHERE finished_at > $2 AND complete))`,
			now.Add(-staleRun), now.Add(-cmp.Or(o.Every, defaultEvery))).Scan(&due)
		if err != nil || !due {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM orphan_cleanups WHERE started_at IS NULL OR started_at < $1`, now.Add(-remembered)); err != nil {
			return err
		}
		r = &search{}
		r.ID, r.StartedAt = uuid.NewString(), now
		_, err = tx.Exec(ctx, `INSERT INTO orphan_cleanups (id, requested_at, started_at) VALUES ($1, $2, $2)`, r.ID, now)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("claim a search for orphans: %w", err)
	}
	if r == nil {
		return nil, false, nil
	}
	last, err := o.last(ctx)
	if last != nil {
		r.bucket, r.after = last.bucket, last.after
	}
	return r, err == nil, err
}

// finish writes down what a run did.
func (o *Orphans) finish(ctx context.Context, r *search) error {
	_, err := o.Pool.Exec(ctx, `
UPDATE orphan_cleanups SET finished_at = $2, scanned = $3, orphans = $4, removed = $5, removed_bytes = $6, aborted_uploads = $7,
       complete = $8, failed = $9, next_bucket = NULLIF($10, ''), next_key = NULLIF($11, '') WHERE id = $1`,
		r.ID, r.FinishedAt, r.Scanned, r.Orphans, r.Removed, r.RemovedBytes, r.AbortedUploads, r.Complete, r.Failed, r.bucket, r.after)
	if err != nil {
		return fmt.Errorf("finish a search for orphans: %w", err)
	}
	return nil
}
