package transcoder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
)

// Failures that the worker reports itself; FFmpeg's have the same form.
const (
	failureMissing  = "ORIGINAL_MISSING: The uploaded file is not in the store any more."
	failureChanged  = "ORIGINAL_CHANGED: The uploaded file was replaced after its upload was completed."
	failureChecksum = "UPLOAD_CHECKSUM_MISMATCH: The file in the store is not the one whose checksum was declared; " +
		"upload it again."
	failureInternal = "TRANSCODER_ERROR: The transcoder failed three times; try again later."
)

// Per cent of the whole job after which each phase ends.
const (
	fetched   = 5
	converted = 90
	uploaded  = 99
)

const maxReportBytes = 64 << 10

var (
	// errChecksum says that the original is not the one that the client declared.
	errChecksum = errors.New("the original has another checksum")
	// errNotCurrent says that the outcome of a job does not count any more.
	errNotCurrent = errors.New("the job is not current")
	errCrashes    = errors.New("the workers of the job have died")
)

// stepWaiting is the step of a job that waits for space.
const stepWaiting = "waiting_for_space"

// report returns the report of a job: the stored one of an earlier attempt, or a new one.
func (w *Worker) report(ctx context.Context, job *job) ([]byte, error) {
	stored, err := w.cfg.Media.Read(ctx, reportKey(job), s3.Range{}, "", maxReportBytes)
	switch {
	case err == nil:
		return stored, nil
	case !errors.Is(err, s3.ErrNotFound):
		return nil, err
	}

	report, err := w.transcode(ctx, job)
	if err != nil {
		return nil, err
	}
	if err := w.checkClaim(ctx, job); err != nil {
		return nil, err
	}
	body, err := json.Marshal(report)
	if err != nil {
		return nil, fmt.Errorf("marshal the report: %w", err)
	}
	if err := w.cfg.Media.PutJSON(ctx, reportKey(job), json.RawMessage(body)); err != nil {
		w.cfg.Log.WarnContext(ctx, "report not stored, a crash now would repeat the job", "job", job.JobID, "error", err)
	}
	return body, nil
}

// transcode runs a job while it is current and turns its outcome into a report. An error
// asks for another attempt.
func (w *Worker) transcode(ctx context.Context, job *job) (media.Callback, error) {
	running, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { w.watch(running, cancel, job) })
	progress := w.callbacks.follow(running, job)
	output, err := w.run(running, job, progress)
	if isDiskFull(err) {
		err = errors.Join(errNoSpace, err)
	}
	if errors.Is(context.Cause(running), errNotCurrent) {
		err = errNotCurrent
	}
	cancel(nil)
	progress.stop()
	watching.Wait()

	failed := media.Callback{Status: media.CallbackFailed, JobID: job.JobID, MediaID: job.MediaID}
	var reject *ffmpeg.RejectError
	switch {
	case errors.Is(err, errNotCurrent):
		w.discard(ctx, job)
		return media.Callback{}, errNotCurrent
	case err == nil:
		return media.Callback{Status: media.CallbackCompleted, JobID: job.JobID, Output: &output}, nil
	case ctx.Err() != nil:
		return media.Callback{}, fmt.Errorf("job stopped: %w", ctx.Err())
	case errors.Is(err, errNoSpace):
		w.waitForSpace(ctx, job)
		return media.Callback{}, err
	case errors.Is(err, errLong), errors.Is(err, errClaimLost):
		return media.Callback{}, err
	case errors.As(err, &reject):
		w.cfg.Log.InfoContext(ctx, "file rejected", "job", job.JobID, "code", reject.Code)
		failed.Error = reject.Error()
	case errors.Is(err, s3.ErrNotFound):
		failed.Error = failureMissing
	case errors.Is(err, s3.ErrChanged):
		failed.Error = failureChanged
	case errors.Is(err, errChecksum):
		failed.Error = failureChecksum
	case !job.givenUp():
		return media.Callback{}, err
	default:
		w.cfg.Log.ErrorContext(ctx, "job given up",
			"job", job.JobID, "failures", job.Failures, "crashes", job.Crashes, "error", err)
		failed.Error = failureInternal
	}
	return failed, nil
}

// run fetches, converts and uploads.
func (w *Worker) run(
	ctx context.Context, job *job, progress *progress,
) (media.Output, error) {
	if job.Crashes >= maxCrashes {
		return media.Output{}, errCrashes
	}
	if err := w.space.reserve(job.JobID, job.SpaceBytes); err != nil {
		return media.Output{}, err
	}
	dir := w.space.jobDir(job.JobID)
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			w.cfg.Log.WarnContext(ctx, "work directory not removed", "job", job.JobID, "error", err)
		}
	}()
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return media.Output{}, fmt.Errorf("work directory: %w", err)
	}

	original, out := filepath.Join(dir, "original"), filepath.Join(dir, "out")
	progress.set("downloading", 0)
	if err := w.fetch(ctx, job, original); err != nil {
		return media.Output{}, err
	}
	kept, err := w.restore(ctx, job, out)
	if err != nil {
		return media.Output{}, err
	}
	result, err := w.cfg.Tool.Transcode(ctx, ffmpeg.Job{
		Input:    original,
		MIME:     job.MimeType,
		OutDir:   out,
		Kept:     kept,
		Planned:  func(p ffmpeg.Plan) error { return w.planned(job, original, p) },
		Finished: func(r ffmpeg.Rendition) error { return w.keep(ctx, job, out, r) },
		Playable: func(p ffmpeg.Playable) error { return w.playable(ctx, job, out, p) },
		Progress: func(step ffmpeg.Step, percent int) {
			progress.set(string(step), fetched+percent*(converted-fetched)/100)
		},
	})
	if err != nil {
		return media.Output{}, err
	}

	if err := errors.Join(w.checkCurrent(ctx, job), w.checkClaim(ctx, job)); err != nil {
		return media.Output{}, err
	}
	if err := w.upload(ctx, job, out, result, progress); err != nil {
		return media.Output{}, err
	}
	// The item may have been deleted, and its objects removed, during the upload.
	return outputOf(job, result), w.checkCurrent(ctx, job)
}

// fetch copies the original, in the version that was examined, to a local file.
func (w *Worker) fetch(ctx context.Context, job *job, path string) error {
	object, err := w.cfg.Media.Get(ctx, job.ObjectKey, s3.Range{}, job.ETag)
	if err != nil {
		return err
	}
	defer func() { _ = object.Body.Close() }()
	if err := w.space.reserve(job.JobID, max(job.SpaceBytes, object.Size)); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create a file for the original: %w", err)
	}

	sum := media.Checksum(job.Checksum).Verifier()
	n, err := io.Copy(io.MultiWriter(file, sum), io.LimitReader(object.Body, media.MaxUploadBytes+1))
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil && n != object.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("fetch the original: %w", err)
	}
	if sum.Err() != nil {
		return errChecksum
	}
	return nil
}

// upload stores the outputs that are not stored yet in the order of the result: the master playlist
// is the last.
func (w *Worker) upload(
	ctx context.Context, job *job, dir string, result ffmpeg.Result, progress *progress,
) error {
	var total, done int64
	for _, file := range result.Files {
		total += file.Size
	}
	keys := keysOf(job, result)
	stored := job.stored()
	progress.set("uploading_outputs", converted)
	for _, file := range result.Files {
		if size, ok := stored[file.Rel]; ok && size == file.Size {
			done += file.Size
			continue
		}
		bucket := w.cfg.Media
		if keys.isAsset(file.Rel) {
			bucket = w.cfg.Assets
		}
		path := filepath.Join(dir, filepath.FromSlash(file.Rel))
		if err := bucket.PutFile(ctx, keys.of(file.Rel), path, file.ContentType); err != nil {
			if errors.Is(err, s3.ErrNotFound) {
				// A missing bucket is not a missing original: the error is not wrapped.
				return fmt.Errorf("store an output: %s", err.Error())
			}
			return err
		}
		done += file.Size
		share := float64(done) / float64(max(total, 1))
		progress.set("uploading_outputs", converted+int(float64(uploaded-converted)*share))
	}
	return nil
}

// discard removes the outputs of a job whose item was deleted: they may have been stored
// after the objects of the item were removed.
func (w *Worker) discard(ctx context.Context, job *job) {
	if state, _, err := w.state(ctx, job); err != nil || state != stateDeleted {
		return // the next attempt writes the same keys
	}
	p := media.PrefixesOf(job.CreatorID, job.MediaID)
	_, errs := w.cfg.Assets.DeletePrefix(ctx, p.MediaThumbnails)
	for _, prefix := range []string{p.HLS, p.Thumbnails, p.Waveforms} {
		_, err := w.cfg.Media.DeletePrefix(ctx, prefix)
		errs = errors.Join(errs, err)
	}
	if errs != nil {
		w.cfg.Log.WarnContext(ctx, "outputs of a deleted item not removed", "media", job.MediaID, "error", errs)
	}
}

// jobState says whether a job is current.
type jobState int

const (
	stateCurrent jobState = iota
	// stateStale: the job is over, or another attempt has started.
	stateStale
	// stateDeleted: the media item was deleted, so its outputs must be removed.
	stateDeleted
)

// state returns the state of a job and its recorded progress.
func (w *Worker) state(ctx context.Context, job *job) (state jobState, progress int, err error) {
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	item, found, err := postgres.Find(ctx, w.cfg.DB, job.MediaID)
	switch {
	case err != nil:
		return stateCurrent, 0, fmt.Errorf("check job %s: %w", job.JobID, err)
	case !found || item.DeletedAt != nil:
		return stateDeleted, 0, nil
	case !item.Wants(job.JobID):
		return stateStale, 0, nil
	default:
		return stateCurrent, domain.OrZero(item.Progress), nil
	}
}

// checkCurrent returns errNotCurrent unless the job is current.
func (w *Worker) checkCurrent(ctx context.Context, job *job) error {
	state, _, err := w.state(ctx, job)
	if err == nil && state != stateCurrent {
		return errNotCurrent
	}
	return err
}

// watch cancels a job, and so ends ctx, when the job is not current any more. An error of
// the check changes nothing.
func (w *Worker) watch(ctx context.Context, cancel context.CancelCauseFunc, job *job) {
	repeat(ctx, w.cfg.CheckEvery, func() {
		if err := w.checkCurrent(ctx, job); errors.Is(err, errNotCurrent) {
			cancel(errNotCurrent)
		}
	})
}
