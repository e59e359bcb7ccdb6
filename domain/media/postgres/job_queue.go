package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
)

// agePerPriority is how much older a job of the next lower priority must be to be claimed first:
// urgent jobs go first, but hold the others up for a limited time only.
const agePerPriority = 10 * time.Minute

// EnqueueJob adds the job that an event has started to the queue of the platform's transcoders. It
// replaces an earlier job of the item, whose finished renditions are kept while the original is the
// same.
func EnqueueJob(
	ctx context.Context, tx pgx.Tx, item media.Item, job events.MediaTranscodingStarted, now time.Time,
) error {
	text, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("enqueue job: %w", err)
	}
	const same = `(q.job ->> 'object_key', q.job ->> 'etag') IS NOT DISTINCT FROM
        (excluded.job ->> 'object_key', excluded.job ->> 'etag')`
	_, err = tx.Exec(ctx, `
INSERT INTO transcoding_jobs AS q (media_item_id, job_id, job, long, due_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (media_item_id) DO UPDATE SET
    job_id = excluded.job_id, job = excluded.job, due_at = excluded.due_at, not_before = now(),
    claim = NULL, leased_until = NULL, failures = 0, crashes = 0, finished_at = NULL,
    long = CASE WHEN `+same+` THEN q.long ELSE excluded.long END,
    space_bytes = CASE WHEN `+same+` THEN q.space_bytes ELSE 0 END,
    renditions = CASE WHEN `+same+` THEN q.renditions ELSE '[]' END
WHERE q.job_id <> excluded.job_id`, item.ID, job.JobID, text, item.LooksLong(),
		now.Add(time.Duration(job.Priority)*agePerPriority))
	if err != nil {
		return fmt.Errorf("enqueue job: %w", err)
	}
	return nil
}

// DequeueJobs removes the jobs of items from the queue.
func DequeueJobs(ctx context.Context, tx pgx.Tx, items []string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM transcoding_jobs WHERE media_item_id = ANY($1::uuid[])`, items); err != nil {
		return fmt.Errorf("dequeue jobs: %w", err)
	}
	return nil
}

// WantedJob selects the job to claim.
type WantedJob struct {
	// Long permits long jobs, and prefers them.
	Long bool
	// JobID names one job; any with "".
	JobID string
	// Lease is how long the claim holds unless it is renewed.
	Lease time.Duration
}

// ClaimJob claims a job that no living worker has. found is false when there is none. Jobs of one
// length are claimed in the order of their due times. A job whose claim has run out was left by a
// worker that died.
func ClaimJob(ctx context.Context, db Queryer, w WantedJob) (job media.QueuedJob, found bool, err error) {
	rows, err := db.Query(ctx, `
UPDATE transcoding_jobs SET claim = $1, leased_until = clock_timestamp() + $2::interval,
    crashes = crashes + CASE WHEN claim IS NULL THEN 0 ELSE 1 END
WHERE media_item_id = (
    SELECT media_item_id FROM transcoding_jobs
    WHERE finished_at IS NULL AND not_before <= clock_timestamp() AND (NOT long OR $3) AND $4 IN ('', job_id)
      AND (leased_until IS NULL OR leased_until < clock_timestamp())
    ORDER BY long DESC, due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING job, claim::text, long, space_bytes, failures, crashes, renditions`,
		uuid.NewString(), w.Lease, w.Long, w.JobID)
	if err != nil {
		return job, false, fmt.Errorf("claim job: %w", err)
	}
	job, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (j media.QueuedJob, err error) {
		err = row.Scan(&j.MediaTranscodingStarted, &j.Claim, &j.Long, &j.SpaceBytes, &j.Failures, &j.Crashes, &j.Renditions)
		return j, err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return job, false, nil
	case err != nil:
		return job, false, fmt.Errorf("claim job: %w", err)
	}
	return job, true, nil
}

// RenewClaim extends a claim. held is false when it was lost to another worker, or the job is over.
func RenewClaim(ctx context.Context, db Queryer, claim string, lease time.Duration) (held bool, err error) {
	return changeClaimed(ctx, db, "renew claim", claim, `leased_until = clock_timestamp() + $2::interval`, lease)
}

// KeepRendition records a rendition that is finished and stored. It ends the count of failures:
// a job that gets on is not given up.
func KeepRendition(ctx context.Context, db Queryer, claim string, r media.StoredRendition) (held bool, err error) {
	text, err := json.Marshal([]media.StoredRendition{r})
	if err != nil {
		return false, fmt.Errorf("keep rendition: %w", err)
	}
	return changeClaimed(ctx, db, "keep rendition", claim, `failures = 0, crashes = 0, renditions = $2::jsonb ||
    (SELECT COALESCE(jsonb_agg(r), '[]') FROM jsonb_array_elements(renditions) AS r WHERE r ->> 'name' <> $3)`,
		text, r.Name)
}

// Release is why and for how long a worker returns a job to the queue.
type Release struct {
	// After is the shortest time until it is claimed again.
	After time.Duration
	// Failed counts a failure.
	Failed bool
	// Long and SpaceBytes are what the job was found to be.
	Long       bool
	SpaceBytes int64
}

// ReleaseJob returns a job to the queue.
func ReleaseJob(ctx context.Context, db Queryer, claim string, r Release) (held bool, err error) {
	return changeClaimed(ctx, db, "release job", claim, `claim = NULL, leased_until = NULL,
    not_before = clock_timestamp() + $2::interval, failures = failures + CASE WHEN $3 THEN 1 ELSE 0 END,
    long = $4, space_bytes = $5`, r.After, r.Failed, r.Long, r.SpaceBytes)
}

// FinishJob ends a job. Its row stays until the item is ready, so that another job of the item may
// keep the renditions.
func FinishJob(ctx context.Context, db Queryer, claim string) (held bool, err error) {
	return changeClaimed(ctx, db, "finish job", claim,
		`claim = NULL, leased_until = NULL, finished_at = clock_timestamp()`)
}

// changeClaimed changes a job while the worker has its claim.
func changeClaimed(
	ctx context.Context, db Queryer, what, claim, assignments string, args ...any,
) (held bool, err error) {
	rows, err := db.Query(ctx, `UPDATE transcoding_jobs SET `+assignments+` WHERE claim = $1 RETURNING true`,
		append([]any{claim}, args...)...)
	if err != nil {
		return false, fmt.Errorf("%s: %w", what, err)
	}
	changed, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	if err != nil {
		return false, fmt.Errorf("%s: %w", what, err)
	}
	return len(changed) == 1, nil
}
