package transcoder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
)

// Failures that a job reports itself; ffmpeg's own have the same form.
const (
	failureMissing = "ORIGINAL_MISSING: The uploaded file is not in the store any more."
	failureChanged = "ORIGINAL_CHANGED: The uploaded file was replaced after its upload was completed."
	failureOurs    = "TRANSCODER_ERROR: The transcoder failed three times; try again later."
)

// Shares of the whole job, in per cent: fetching ends at the first, converting at the second, uploading at the third.
const (
	fetched   = 5
	converted = 90
	uploaded  = 99
)

const maxReportBytes = 64 << 10

// work does a job, or finds that it was done, and returns what is to be reported. errUnwanted says that nothing is.
func (w *Worker) work(ctx context.Context, job events.MediaTranscodingStarted) ([]byte, error) {
	stored, err := w.cfg.Media.Read(ctx, reportKey(job), s3.Range{}, "", maxReportBytes)
	switch {
	case err == nil:
		return stored, nil
	case !errors.Is(err, s3.ErrNotFound):
		return nil, err
	}
	report, err := w.produce(ctx, job)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(report)
	if err != nil {
		return nil, fmt.Errorf("marshal the report: %w", err)
	}
	if err := w.cfg.Media.PutJSON(ctx, reportKey(job), json.RawMessage(body)); err != nil {
		w.cfg.Log.WarnContext(ctx, "report not kept, a crash now would repeat the job", "job", job.JobID, "error", err)
	}
	return body, nil
}

// produce runs a job under the watch of its being wanted and judges how it ended.
func (w *Worker) produce(ctx context.Context, job events.MediaTranscodingStarted) (media.Callback, error) {
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { w.watch(ctx, cancel, job) })
	progress := w.courier.follow(ctx, job)
	output, err := w.run(ctx, job, progress)
	unwanted := errors.Is(context.Cause(ctx), errUnwanted) || errors.Is(err, errUnwanted)
	cancel(nil)
	progress.stop()
	watching.Wait()
	failed := media.Callback{Status: media.CallbackFailed, JobID: job.JobID, MediaID: job.MediaID}
	var reject *ffmpeg.RejectError
	switch {
	case unwanted:
		w.discard(outer, job)
		return media.Callback{}, errUnwanted
	case err == nil:
		return media.Callback{Status: media.CallbackCompleted, JobID: job.JobID, Output: &output}, nil
	case outer.Err() != nil:
		return media.Callback{}, fmt.Errorf("job stopped: %w", outer.Err())
	case errors.As(err, &reject):
		w.cfg.Log.InfoContext(outer, "file refused", "job", job.JobID, "code", reject.Code)
		failed.Error = reject.Error()
	case errors.Is(err, s3.ErrNotFound):
		failed.Error = failureMissing
	case errors.Is(err, s3.ErrChanged):
		failed.Error = failureChanged
	case w.again(job.JobID):
		return media.Callback{}, err
	default:
		w.cfg.Log.ErrorContext(outer, "job given up", "job", job.JobID, "tries", tries, "error", err)
		failed.Error = failureOurs
	}
	return failed, nil
}

// run fetches, converts and uploads.
func (w *Worker) run(ctx context.Context, job events.MediaTranscodingStarted, progress *progress) (media.Output, error) {
	dir := filepath.Join(w.cfg.Dir, jobPrefix+job.JobID)
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			w.cfg.Log.WarnContext(ctx, "work directory not removed", "job", job.JobID, "error", err)
		}
	}()
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return media.Output{}, fmt.Errorf("work directory: %w", err)
	}
	original, out := filepath.Join(dir, "original"), filepath.Join(dir, "out")
	progress.say("downloading", 0)
	if err := w.fetch(ctx, job, original); err != nil {
		return media.Output{}, err
	}
	result, err := w.cfg.Tool.Transcode(ctx, ffmpeg.Job{
		Input: original, MIME: job.MimeType, OutDir: out,
		Progress: func(step ffmpeg.Step, percent int) {
			progress.say(string(step), fetched+percent*(converted-fetched)/100)
		},
	})
	if err != nil {
		return media.Output{}, err
	}
	if err := w.stillWanted(ctx, job); err != nil {
		return media.Output{}, err
	}
	if err := w.upload(ctx, job, out, result, progress); err != nil {
		return media.Output{}, err
	}
	// The item may have been deleted, and its prefixes swept, while the outputs were on their way.
	return outputOf(job, result), w.stillWanted(ctx, job)
}

func (w *Worker) stillWanted(ctx context.Context, job events.MediaTranscodingStarted) error {
	state, err := w.state(ctx, job)
	if err == nil && state != wanted {
		return errUnwanted
	}
	return err
}

// fetch copies the original, in the version that was examined, to a local file.
func (w *Worker) fetch(ctx context.Context, job events.MediaTranscodingStarted, path string) error {
	object, err := w.cfg.Media.Get(ctx, job.ObjectKey, s3.Range{}, job.ETag)
	if err != nil {
		return err
	}
	defer func() { _ = object.Body.Close() }()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep the original: %w", err)
	}
	n, err := io.Copy(file, io.LimitReader(object.Body, media.MaxUploadBytes+1))
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil && n != object.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("fetch the original: %w", err)
	}
	return nil
}

// upload stores the outputs in the order that the tool gives them: the master playlist comes last.
func (w *Worker) upload(ctx context.Context, job events.MediaTranscodingStarted, dir string, result ffmpeg.Result, progress *progress) error {
	var total, done int64
	for _, file := range result.Files {
		total += file.Size
	}
	places := placesOf(job, result)
	progress.say("uploading_outputs", converted)
	for _, file := range result.Files {
		bucket := w.cfg.Media
		place := places[file.Rel]
		switch {
		case place.key == "":
			place.key = media.PrefixesOf(job.CreatorID, job.MediaID).HLS + file.Rel
		case place.asset:
			bucket = w.cfg.Assets
		}
		if err := bucket.PutFile(ctx, place.key, filepath.Join(dir, filepath.FromSlash(file.Rel)), file.ContentType); err != nil {
			if errors.Is(err, s3.ErrNotFound) { // a missing bucket is our fault, not the original's
				return fmt.Errorf("store an output: %s", err.Error()) // deliberately not wrapped
			}
			return err
		}
		done += file.Size
		progress.say("uploading_outputs", converted+int(float64(uploaded-converted)*float64(done)/float64(max(total, 1))))
	}
	return nil
}

// discard removes the outputs of a job whose item was deleted: the sweep that followed the deletion may have been earlier.
func (w *Worker) discard(ctx context.Context, job events.MediaTranscodingStarted) {
	if state, err := w.state(ctx, job); err != nil || state != deleted {
		return // of a stale job nothing is removed: the next attempt writes the same keys
	}
	p := media.PrefixesOf(job.CreatorID, job.MediaID)
	_, err := w.cfg.Assets.DeletePrefix(ctx, p.MediaThumbnails)
	for _, prefix := range []string{p.HLS, p.Thumbnails, p.Waveforms} {
		_, failed := w.cfg.Media.DeletePrefix(ctx, prefix)
		err = errors.Join(err, failed)
	}
	if err != nil {
		w.cfg.Log.WarnContext(ctx, "outputs of a deleted item not removed", "media", job.MediaID, "error", err)
	}
}

// place is where an output goes.
type place struct {
	key   string
	asset bool
}

// placesOf maps the outputs that do not simply go below the HLS prefix.
func placesOf(job events.MediaTranscodingStarted, r ffmpeg.Result) map[string]place {
	p := media.PrefixesOf(job.CreatorID, job.MediaID)
	places := map[string]place{}
	for size, rel := range r.Thumbnails {
		places[rel] = place{p.MediaThumbnails + size + ".webp", true}
	}
	for rel, key := range map[string]string{
		r.Poster: p.Thumbnails + "auto-generated.jpg", r.Waveform: p.Waveforms + "waveform.json",
		r.WaveformImage: p.Waveforms + "waveform.png",
	} {
		if rel != "" {
			places[rel] = place{key, false}
		}
	}
	return places
}

// outputOf is what the result is called in a report.
func outputOf(job events.MediaTranscodingStarted, r ffmpeg.Result) media.Output {
	places := placesOf(job, r)
	hls := media.PrefixesOf(job.CreatorID, job.MediaID).HLS
	key := func(rel string) *string {
		if rel == "" {
			return nil
		}
		k := hls + rel
		if p, ok := places[rel]; ok {
			k = p.key
		}
		return &k
	}
	out := media.Output{
		MediaID: job.MediaID, Type: media.Type(r.Kind), HLSMasterKey: key(r.Master), HLSPreviewKey: key(r.Preview),
		ThumbnailKey: key(r.Poster), WaveformKey: key(r.Waveform), WaveformImageKey: key(r.WaveformImage),
		DurationSeconds: max(1, math.Round(r.DurationSeconds)), ReadyVariants: r.ReadyVariants,
	}
	if r.Kind == ffmpeg.Video {
		width, height := r.Width, r.Height
		out.Width, out.Height = &width, &height
	}
	if len(r.Thumbnails) > 0 {
		out.ThumbnailVariants = &media.ThumbnailVariants{
			SM: places[r.Thumbnails["sm"]].key, MD: places[r.Thumbnails["md"]].key, LG: places[r.Thumbnails["lg"]].key,
		}
	}
	if l := r.Loudness; l != nil {
		out.LoudnessIntegrated, out.LoudnessPeak, out.LoudnessRange = &l.Integrated, &l.Peak, &l.Range
	}
	return out
}
