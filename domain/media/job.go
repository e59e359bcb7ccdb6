package media

import (
	"math"
	"regexp"
	"time"

	"github.com/codex-platform/codex/events"
)

// Ignored says why a report changed nothing; empty when it did.
type Ignored string

// The reasons. None of them is an error of the transcoder.
const (
	// Gone : the item is deleted.
	Gone Ignored = "MEDIA_DELETED"
	// Stale : the report is on another job than the item's current one.
	Stale Ignored = "STALE_JOB"
	// Over : the job has ended already.
	Over Ignored = "JOB_OVER"
)

// Codes that end an attempt.
const (
	CodeStuck       = "TRANSCODING_STUCK"
	CodeFailed      = "TRANSCODING_FAILED"
	CodeBadResult   = "INCOMPLETE_RESULT"
	reasonStuck     = "The transcoding gave no sign of life."
	reasonFailed    = "The transcoder reported a failure."
	reasonBadResult = "The transcoder delivered an incomplete result."
)

// judge says whether a report on a job may change the item.
func (i Item) judge(jobID string) Ignored {
	switch {
	case i.ID == "" || jobID == "" || i.JobID != jobID:
		return Stale
	case i.DeletedAt != nil:
		return Gone
	case i.Status != Transcoding:
		return Over
	}
	return ""
}

// Wants reports whether the outcome of a job is still of interest: the job runs, or was taken for dead and no other
// attempt has begun.
func (i Item) Wants(jobID string) bool {
	switch i.judge(jobID) {
	case "":
		return true
	case Over:
		return i.takenForDead()
	default:
		return false
	}
}

func (i Item) takenForDead() bool { return i.Status == Failed && i.ErrorCode == CodeStuck }

// RecordProgress notes a sign of life. Progress never falls within a job; a report that says less still proves life.
func (i Item) RecordProgress(cmd RecordProgress, now time.Time) (Item, []events.Payload, Ignored) {
	if ignored := i.judge(cmd.JobID); ignored != "" {
		return i, nil, ignored
	}
	i.SeenAt = &now
	known := 0
	if i.Progress != nil {
		known = *i.Progress
	}
	percent := min(max(cmd.Percent, 0), 100)
	if percent < known || (percent == known && cmd.Step == i.Step) {
		i.UpdatedAt = now
		return i, nil, ""
	}
	i.Progress, i.Step = &percent, cmd.Step
	next, payloads := i.changed(now, events.MediaTranscodingProgressed{
		MediaID: i.ID,
		JobID:   i.JobID,
		Percent: percent,
		Step:    cmd.Step,
	})
	return next, payloads, ""
}

// RecordResult makes an item ready. The result of a job that was taken for dead still counts; one
// for a deleted item only has its objects removed. A result that lacks what its type of media
// must have ends the attempt as a failure.
func (i Item) RecordResult(cmd RecordResult, now time.Time) (Item, []events.Payload, Ignored) {
	switch ignored := i.judge(cmd.JobID); {
	case ignored == Gone:
		next, payloads := i.changed(now, events.MediaOutputsDiscarded{MediaID: i.ID, CreatorID: i.CreatorID, JobID: cmd.JobID})
		return next, payloads, ignored
	case ignored == Over && i.takenForDead():
	case ignored != "":
		return i, nil, ignored
	}
	if !i.complete(cmd.Output) {
		if i.Status == Failed {
			return i, nil, Over
		}
		next, payloads := i.failed(now, CodeBadResult, reasonBadResult, reasonBadResult)
		return next, payloads, ""
	}
	out := cmd.Output
	duration := max(1, int(math.Round(out.DurationSeconds)))
	i.Status, i.Error, i.ErrorCode = Ready, "", ""
	i.Progress, i.Step, i.SeenAt = nil, "", nil
	i.MasterKey, i.PreviewKey, i.ThumbnailKey = text(out.HLSMasterKey), text(out.HLSPreviewKey), text(out.ThumbnailKey)
	i.WaveformKey, i.WaveformImage, i.MezzanineKey = text(out.WaveformKey), text(out.WaveformImageKey), text(out.MezzanineKey)
	i.DurationSeconds, i.Width, i.Height = &duration, out.Width, out.Height
	i.ReadyVariants, i.Loudness = out.ReadyVariants, out.loudness()
	next, payloads := i.changed(now, i.ready())
	return next, payloads, ""
}

// complete reports whether an output has what an item of this type must have to be ready, all of
// it below the item's own prefixes.
func (i Item) complete(out Output) bool {
	if out.MediaID != i.ID || len(out.ReadyVariants) == 0 || out.DurationSeconds <= 0 || out.HLSMasterKey == nil {
		return false
	}
	if i.Type == Video && out.ThumbnailKey == nil || i.Type == Audio && out.WaveformKey == nil {
		return false
	}
	for _, key := range out.keys() {
		if key.value != nil && !i.owns(*key.value) {
			return false
		}
	}
	return true
}

func (i Item) ready() events.MediaReady {
	variants := i.ReadyVariants
	if variants == nil {
		variants = []string{}
	}
	return events.MediaReady{
		MediaID:         i.ID,
		CreatorID:       i.CreatorID,
		MediaType:       string(i.Type),
		JobID:           i.JobID,
		DurationSeconds: number(i.DurationSeconds),
		Width:           number(i.Width),
		Height:          number(i.Height),
		ReadyVariants:   variants,
	}
}

// codedError is how our own transcoder writes a failure: a stable code and a sentence that is fit for the public.
var codedError = regexp.MustCompile(`^([A-Z][A-Z_]{2,62}): ([ -~]{1,300})$`)

// RecordFailure ends an attempt. The text is shown to the owner; the event quotes it only when it
// has the form that our own transcoder gives it.
func (i Item) RecordFailure(cmd RecordFailure, now time.Time) (Item, []events.Payload, Ignored) {
	if ignored := i.judge(cmd.JobID); ignored != "" {
		return i, nil, ignored
	}
	code, reason, shown := CodeFailed, reasonFailed, cmd.Error
	if parts := codedError.FindStringSubmatch(cmd.Error); parts != nil {
		code, reason, shown = parts[1], parts[2], parts[2]
	}
	if shown == "" {
		shown = reasonFailed
	}
	next, payloads := i.failed(now, code, reason, shown)
	return next, payloads, ""
}

// FailStuck ends an attempt that gave no sign of life. A sign that came after the sweep looked saves it.
func (i Item) FailStuck(cmd FailStuck, now time.Time) (Item, []events.Payload, Ignored) {
	if ignored := i.judge(cmd.JobID); ignored != "" {
		return i, nil, ignored
	}
	if i.SeenAt != nil && i.SeenAt.After(cmd.SeenAt) {
		return i, nil, Over
	}
	next, payloads := i.failed(now, CodeStuck, reasonStuck, reasonStuck)
	return next, payloads, ""
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func number(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}
