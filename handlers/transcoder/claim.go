package transcoder

import (
	"context"
	"errors"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
)

var (
	// errClaimLost says that another worker has the job, or that it is over.
	errClaimLost = errors.New("another worker has claimed the job")
	// errLong says that a job belongs to a place for long jobs.
	errLong = errors.New("the job is a long one")
)

// job is a claimed job while this process runs it.
type job struct {
	media.QueuedJob
	// onlyShort says that the job has a place for short jobs only.
	onlyShort bool
	// known is the progress that was recorded before; progress does not go back behind it.
	known int
}

// renew keeps the claim of a job until ctx is done, and cancels the job when the claim is lost.
// While the database does not respond the job goes on: nobody else can claim it either, and
// before its outputs are stored the claim is checked again.
func (w *Worker) renew(ctx context.Context, stop context.CancelCauseFunc, job *job) {
	repeat(ctx, w.cfg.Lease/3, func() {
		if err := w.checkClaim(ctx, job); errors.Is(err, errClaimLost) {
			stop(errClaimLost)
		} else if err != nil && ctx.Err() == nil {
			w.cfg.Log.WarnContext(ctx, "claim not renewed", "job", job.JobID, "error", err)
		}
	})
}

// checkClaim renews a claim, and returns errClaimLost when another worker has the job.
func (w *Worker) checkClaim(ctx context.Context, job *job) error {
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	held, err := postgres.RenewClaim(ctx, w.cfg.DB, job.Claim, w.cfg.Lease)
	if err == nil && !held {
		return errClaimLost
	}
	return err
}

// settle gives a claim back after a job has ended with err, and returns what is worth a warning.
func (w *Worker) settle(ctx context.Context, job *job, err error) error {
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	release := postgres.Release{Long: job.Long, SpaceBytes: job.SpaceBytes}
	var failed error
	switch {
	case err == nil:
		_, err = postgres.FinishJob(ctx, w.cfg.DB, job.Claim)
		return err
	case errors.Is(err, errNotCurrent):
		w.cfg.Log.InfoContext(ctx, "job dropped, it is not current", "job", job.JobID, "media", job.MediaID)
		_, err = postgres.FinishJob(ctx, w.cfg.DB, job.Claim)
		return err
	case errors.Is(err, errClaimLost):
		return err
	case errors.Is(err, errLong):
		release.Long = true
		w.cfg.Log.InfoContext(ctx, "job goes to a place for long jobs", "job", job.JobID)
	case errors.Is(err, errNoSpace):
		release.After = w.cfg.SpaceRetry
		failed = err
	case errors.Is(err, context.Canceled): // this process stops
	default:
		release.Failed = true
		release.After = min(w.cfg.RetryAfter<<min(job.Failures, 5), maxRetryAfter)
		failed = err
	}
	if _, err := postgres.ReleaseJob(ctx, w.cfg.DB, job.Claim, release); err != nil {
		// The lease runs out by itself.
		return errors.Join(failed, err)
	}
	return failed
}

// givenUp reports whether a job has failed for the last time.
func (j *job) givenUp() bool { return j.Failures+1 >= maxFailures || j.Crashes >= maxCrashes }

// waitForSpace shows the owner that a job waits.
func (w *Worker) waitForSpace(ctx context.Context, job *job) {
	p := &progress{callbacks: w.callbacks, job: job}
	p.set(stepWaiting, 0)
	p.post(ctx, time.Time{})
}
