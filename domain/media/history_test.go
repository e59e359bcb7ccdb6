package media_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
)

// TestNoOrderOfCommandsBreaksAnItem sends commands and reports in any order, any number of times, on
// current, old and unknown jobs, and checks after every one what must always hold.
func TestNoOrderOfCommandsBreaksAnItem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		item, _, err := media.New(id, registration(), owner, now)
		if err != nil {
			t.Fatal(err)
		}
		h := &history{item: item, at: now}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			h.at = h.at.Add(time.Second)
			h.step(t)
		}
	})
}

type history struct {
	item media.Item
	at   time.Time
	jobs []string
}

func (h *history) step(t *rapid.T) {
	job := rapid.SampledFrom(append([]string{"unknown"}, h.jobs...)).Draw(t, "job")
	before := h.item
	var next media.Item
	var payloads []events.Payload
	var err error
	var ignored media.Ignored
	action := rapid.SampledFrom([]string{
		"complete", "complete", "reject", "start", "start", "retry",
		"progress", "result", "empty result", "failure", "stuck", "delete",
	}).Draw(t, "action")
	switch action {
	case "complete":
		next, payloads, err = before.CompleteUpload(media.CompleteUpload{ETag: "e", SizeBytes: 1000}, owner, h.at)
	case "reject":
		next, payloads, err = before.Reject(media.Reject{Code: "X", Reason: "y"}, owner, h.at)
	case "start":
		name := fmt.Sprintf("job-%d", len(h.jobs)+1)
		var ok bool
		if next, payloads, ok = before.StartTranscoding(name, h.at); ok {
			h.jobs = append(h.jobs, name)
		}
	case "retry":
		next, payloads, err = before.Retry(media.Retry{}, owner, h.at)
	case "progress":
		percent := rapid.IntRange(0, 100).Draw(t, "percent")
		progress := media.RecordProgress{JobID: job, Percent: percent, Step: "preview"}
		next, payloads, ignored = before.RecordProgress(progress, h.at)
	case "result":
		next, payloads, ignored = before.RecordResult(media.RecordResult{JobID: job, Output: output()}, h.at)
	case "empty result":
		next, payloads, ignored = before.RecordResult(media.RecordResult{JobID: job, Output: media.Output{MediaID: id}}, h.at)
	case "failure":
		next, payloads, ignored = before.RecordFailure(media.RecordFailure{JobID: job, Error: "no"}, h.at)
	case "stuck":
		next, payloads, ignored = before.FailStuck(media.FailStuck{JobID: job, SeenAt: h.at}, h.at)
	case "delete":
		if rapid.IntRange(0, 4).Draw(t, "really") == 0 {
			next, payloads, err = before.Delete(media.Delete{}, owner, h.at)
		} else {
			next = before
		}
	}
	h.check(t, action, job, before, next, payloads, err != nil || ignored != "")
	h.item = next
}

func (h *history) check(
	t *rapid.T, action, job string, before, next media.Item, payloads []events.Payload, rejected bool,
) {
	if next.Version != before.Version+int64(len(payloads)) {
		t.Fatalf("%s: version %d after %d with %d events", action, next.Version, before.Version, len(payloads))
	}
	if rejected && next.Status != before.Status {
		t.Fatalf("%s was rejected but led from %s to %s", action, before.Status, next.Status)
	}
	if next.Attempts != len(h.jobs) || next.Attempts > media.MaxAttempts {
		t.Fatalf("%s: %d attempts, %d jobs", action, next.Attempts, len(h.jobs))
	}
	if before.DeletedAt != nil && next.Status != before.Status {
		t.Fatalf("%s revived a deleted item", action)
	}
	if before.Status == media.Ready && next.Status != media.Ready {
		t.Fatalf("%s took a ready item back to %s", action, next.Status)
	}
	moved := next.Status != before.Status
	report := slices.Contains([]string{"result", "empty result", "failure", "stuck", "progress"}, action)
	if moved && report && (job != before.JobID || len(h.jobs) == 0 || job != h.jobs[len(h.jobs)-1]) {
		t.Fatalf("%s on %s moved an item whose job is %s", action, job, before.JobID)
	}
	if next.Status == media.Ready && !isPlayable(next) {
		t.Fatalf("ready without its objects: %+v", next)
	}
	if before.Status == media.Transcoding && next.Status == media.Transcoding && *next.Progress < *before.Progress {
		t.Fatalf("progress fell from %d to %d", *before.Progress, *next.Progress)
	}
	if (next.Status == media.Failed) != (next.ErrorCode != "") {
		t.Fatalf("%s with error code %q", next.Status, next.ErrorCode)
	}
}

// isPlayable reports whether an item has what a ready one needs.
func isPlayable(i media.Item) bool {
	return i.MasterKey != "" && i.DurationSeconds != nil && *i.DurationSeconds >= 1 && len(i.ReadyVariants) > 0
}
