package transcoder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// playable stores the master playlist of a first rendition, whose files are stored, and reports that
// the item can be played. A report that is not accepted is not repeated: the result follows.
func (w *Worker) playable(ctx context.Context, job *job, out string, p ffmpeg.Playable) error {
	if err := errors.Join(w.checkCurrent(ctx, job), w.checkClaim(ctx, job)); err != nil {
		return err
	}
	master := media.PrefixesOf(job.CreatorID, job.MediaID).HLS + p.Master
	local := filepath.Join(out, filepath.FromSlash(p.Master))
	if err := w.cfg.Media.PutFile(ctx, master, local, "application/vnd.apple.mpegurl"); err != nil {
		return fmt.Errorf("store the first playlist: %s", err.Error()) // a missing bucket is not a missing original
	}
	body, err := json.Marshal(media.Callback{
		Status:  media.CallbackPlayable,
		JobID:   job.JobID,
		MediaID: job.MediaID,
		Output: &media.Output{
			MediaID:         job.MediaID,
			Type:            media.Type(p.Kind),
			HLSMasterKey:    &master,
			DurationSeconds: max(1, math.Round(p.DurationSeconds)),
			Width:           &p.Width,
			Height:          &p.Height,
			ReadyVariants:   p.ReadyVariants,
		},
	})
	if err != nil {
		return fmt.Errorf("marshal the report: %w", err)
	}
	if err := w.callbacks.post(ctx, body, reportTimeout); err != nil && ctx.Err() == nil {
		w.cfg.Log.WarnContext(ctx, "first rendition not reported", "job", job.JobID, "error", err)
	}
	return nil
}
