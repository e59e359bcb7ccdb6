package media

import (
	"cmp"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// Ignored is why a report was ignored; empty for an applied one.
type Ignored string

// The reasons. None of them is an error of the transcoder.
const (
	// Gone: the item is deleted.
	Gone Ignored = "MEDIA_DELETED"
	// Stale: the report is on a job that is not the current one.
	Stale Ignored = "STALE_JOB"
	// Over: the job has ended.
	Over Ignored = "JOB_OVER"
	// CreatorsCaptions: the creator has set captions in this language.
	CreatorsCaptions Ignored = "CREATORS_CAPTIONS"
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

// staleness returns why a report on a job must be ignored, "" when it counts.
func (i Item) staleness(jobID string) Ignored {
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

// Wants reports whether the outcome of a job counts: the job runs, or it failed as stuck and no
// other attempt has started.
func (i Item) Wants(jobID string) bool {
	switch i.staleness(jobID) {
	case "":
		return true
	case Over:
		return i.isStuck()
	default:
		return false
	}
}

func (i Item) isStuck() bool { return i.Status == Failed && i.ErrorCode == CodeStuck }

// RecordProgress records the progress of a job, which never falls. A report with less progress
// still shows that the job is alive.
func (i Item) RecordProgress(cmd RecordProgress, now time.Time) (Item, []events.Payload, Ignored) {
	if ignored := i.staleness(cmd.JobID); ignored != "" {
		return i, nil, ignored
	}
	seen := i.SeenAt
	i.SeenAt = &now
	known := 0
	if i.Progress != nil {
		known = *i.Progress
	}
	percent := min(max(cmd.Percent, 0), 100)
	i.Pace = i.Pace.next(seen, max(percent, known), now)
	if percent < known || (percent == known && cmd.Step == i.Step) {
		i.UpdatedAt = now
		return i, nil, ""
	}
	i.Progress = &percent
	i.Step = cmd.Step
	next, payloads := i.changed(now, events.MediaTranscodingProgressed{
		MediaID:     i.ID,
		JobID:       i.JobID,
		Percent:     percent,
		Step:        cmd.Step,
		SecondsLeft: i.SecondsLeft(now),
	})
	return next, payloads, ""
}

// RecordPlayable makes an item playable while its job goes on. What is playable stays so when the job
// fails, until another attempt is requested.
func (i Item) RecordPlayable(cmd RecordPlayable, now time.Time) (Item, []events.Payload, Ignored) {
	if ignored := i.staleness(cmd.JobID); ignored != "" {
		return i, nil, ignored
	}
	i.SeenAt = &now
	master := domain.OrZero(cmd.Output.HLSMasterKey)
	out := cmd.Output
	if out.MediaID != i.ID || len(out.ReadyVariants) == 0 || master == "" || i.ForeignKeys(out) != "" ||
		i.Playable && i.MasterKey == master {
		return i, nil, ""
	}
	duration := max(1, int(math.Round(out.DurationSeconds)))
	i.Playable = true
	i.MasterKey = master
	i.DurationSeconds = &duration
	i.Width = out.Width
	i.Height = out.Height
	i.ReadyVariants = out.ReadyVariants
	next, payloads := i.changed(now, events.MediaPlayable{
		MediaID:         i.ID,
		CreatorID:       i.CreatorID,
		MediaType:       string(i.Type),
		JobID:           i.JobID,
		DurationSeconds: duration,
		ReadyVariants:   out.ReadyVariants,
	})
	return next, payloads, ""
}

// RecordResult makes an item ready. The result of a job that failed as stuck counts as well; the
// outputs for a deleted item are removed. An incomplete result fails the attempt.
func (i Item) RecordResult(cmd RecordResult, now time.Time) (Item, []events.Payload, Ignored) {
	switch ignored := i.staleness(cmd.JobID); {
	case ignored == Gone:
		next, payloads := i.changed(now, events.MediaOutputsDiscarded{
			MediaID:   i.ID,
			CreatorID: i.CreatorID,
			JobID:     cmd.JobID,
		})
		return next, payloads, ignored
	case ignored == Over && i.isStuck():
	case ignored != "":
		return i, nil, ignored
	}
	if !i.complete(cmd.Output) {
		if i.Status == Failed {
			return i, nil, Over
		}
		reason := cmp.Or(i.ForeignKeys(cmd.Output), reasonBadResult)
		next, payloads := i.failed(now, CodeBadResult, reasonBadResult, reason)
		return next, payloads, ""
	}
	i.Status = Ready
	i.Playable = false
	i.Error = ""
	i.ErrorCode = ""
	i = i.withoutJob().withOutput(cmd.Output).withExtracted(cmd.Output, cmd.Chapters)
	next, payloads := i.changed(now, append(i.captionsFailed(), i.ready())...)
	return next, payloads, ""
}

// withOutput is the item with the outputs of a job.
func (i Item) withOutput(out Output) Item {
	duration := max(1, int(math.Round(out.DurationSeconds)))
	i.MasterKey = domain.OrZero(out.HLSMasterKey)
	i.PreviewKey = domain.OrZero(out.HLSPreviewKey)
	i.ThumbnailKey = domain.OrZero(out.ThumbnailKey)
	i.WaveformKey = domain.OrZero(out.WaveformKey)
	i.AudioKey = domain.OrZero(out.AudioKey)
	i.AudioBytes = domain.OrZero(out.AudioBytes)
	i.WaveformImage = domain.OrZero(out.WaveformImageKey)
	i.WaveformShort = domain.OrZero(out.WaveformOverviewKey)
	i.Storyboard = out.Storyboard
	i.MezzanineKey = domain.OrZero(out.MezzanineKey)
	i.DurationSeconds = &duration
	i.Width = out.Width
	i.Height = out.Height
	i.ReadyVariants = out.ReadyVariants
	i.Loudness = out.loudness()
	return i
}

// withoutJob is the item without the progress of a running job.
func (i Item) withoutJob() Item {
	i.Progress = nil
	i.Step = ""
	i.SeenAt = nil
	i.Pace = Pace{}
	return i
}

// complete reports whether an output has everything that an item of this type needs, below the
// prefixes of the item.
func (i Item) complete(out Output) bool {
	if out.MediaID != i.ID || len(out.ReadyVariants) == 0 || out.DurationSeconds <= 0 || out.HLSMasterKey == nil {
		return false
	}
	if i.Type == Video && out.ThumbnailKey == nil || i.Type == Audio && out.WaveformKey == nil {
		return false
	}
	return i.ForeignKeys(out) == ""
}

// ForeignKeys says which keys of an output are outside of the prefixes of the item; it is ""
// when none is.
func (i Item) ForeignKeys(out Output) string {
	var names []string
	for _, key := range out.keys() {
		if key.value != nil && !i.owns(*key.value) {
			names = append(names, key.name)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0] + " is outside of the item's prefix"
	default:
		return strings.Join(names, ", ") + " are outside of the item's prefix"
	}
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
		DurationSeconds: domain.OrZero(i.DurationSeconds),
		Width:           domain.OrZero(i.Width),
		Height:          domain.OrZero(i.Height),
		ReadyVariants:   variants,
	}
}

// codedError is the form of a failure of the platform's own transcoder: a stable code and a public
// sentence.
var codedError = regexp.MustCompile(`^([A-Z][A-Z_]{2,62}): ([ -~]{1,300})$`)

// RecordFailure fails an attempt. The owner sees the text; the event has it only in the form of
// the platform's own transcoder.
func (i Item) RecordFailure(cmd RecordFailure, now time.Time) (Item, []events.Payload, Ignored) {
	if ignored := i.staleness(cmd.JobID); ignored != "" {
		return i, nil, ignored
	}
	code, reason, shown := CodeFailed, reasonFailed, cmd.Error
	if parts := codedError.FindStringSubmatch(cmd.Error); parts != nil {
		code, reason, shown = PublicCode(parts[1]), parts[2], parts[2]
	}
	if shown == "" {
		shown = reasonFailed
	}
	next, payloads := i.failed(now, code, reason, shown)
	return next, payloads, ""
}

// FailStuck fails a silent attempt, unless a report has arrived since the job was found silent.
func (i Item) FailStuck(cmd FailStuck, now time.Time) (Item, []events.Payload, Ignored) {
	if ignored := i.staleness(cmd.JobID); ignored != "" {
		return i, nil, ignored
	}
	if i.SeenAt != nil && i.SeenAt.After(cmd.SeenAt) {
		return i, nil, Over
	}
	next, payloads := i.failed(now, CodeStuck, reasonStuck, reasonStuck)
	return next, payloads, ""
}
