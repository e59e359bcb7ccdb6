package media_test

import (
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
)

func TestAttemptsAreCountedOnceAndEndAtThree(t *testing.T) {
	t.Parallel()
	item := uploaded(t)
	for attempt := 1; attempt <= media.MaxAttempts; attempt++ {
		job := strings.Repeat("j", attempt)
		var ok bool
		if item, _, ok = item.StartTranscoding(job, now); !ok || item.Attempts != attempt {
			t.Fatalf("attempt %d: %+v", attempt, item)
		}
		if attempt == 2 {
			item, _, _ = item.FailStuck(media.FailStuck{JobID: job, SeenAt: now}, now)
		} else {
			item, _, _ = item.RecordFailure(media.RecordFailure{JobID: job, Error: "out of luck"}, now)
		}
		if item.Status != media.Failed || item.Attempts != attempt {
			t.Fatalf("failed attempt %d: %+v", attempt, item)
		}
		next, payloads, err := item.Retry(media.Retry{}, owner, now)
		if attempt == media.MaxAttempts {
			wantError(t, err, domain.Rule, "MAX_RETRIES_EXCEEDED")
			break
		}
		if err != nil || next.Error != "" || next.JobID != "" || payloads[0].(events.MediaRetried).Attempt != attempt+1 {
			t.Fatalf("retry %d: %+v %v", attempt, next, err)
		}
		item = next
	}
}

func TestOnlyTheOwnerSeesTheTextOfAnExternalFailure(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]events.MediaFailed{
		"UNDECODABLE: The file is damaged.": {Code: "UNDECODABLE", Reason: "The file is damaged."},
		"cannot read Anna's holiday.mp4":    {Code: "TRANSCODING_FAILED", Reason: "The transcoder reported a failure."},
		"":                                  {Code: "TRANSCODING_FAILED", Reason: "The transcoder reported a failure."},
		strings.Repeat("ä", 2000):           {Code: "TRANSCODING_FAILED", Reason: "The transcoder reported a failure."},
	} {
		item, payloads, _ := transcoding(t, "job").RecordFailure(media.RecordFailure{JobID: "job", Error: text}, now)
		event := payloads[0].(events.MediaFailed)
		if event.Code != want.Code || event.Reason != want.Reason || item.Error == "" || len(item.Error) > 2000 {
			t.Errorf("%.40q: %+v, shown %.40q", text, event, item.Error)
		}
	}
}

func TestTheLateResultOfAStuckJobCounts(t *testing.T) {
	t.Parallel()
	stuck, payloads, ignored := transcoding(t, "job").FailStuck(media.FailStuck{JobID: "job", SeenAt: now}, now)
	if ignored != "" || payloads[0].(events.MediaFailed).Code != media.CodeStuck || !stuck.Wants("job") {
		t.Fatalf("stuck: %+v %s", stuck, ignored)
	}
	item, _, ignored := stuck.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now)
	if ignored != "" || item.Status != media.Ready || item.Error != "" {
		t.Errorf("late result: %+v %s", item, ignored)
	}
	retried := must(t)(stuck.Retry(media.Retry{}, owner, now))
	same, _, ignored := retried.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now)
	if ignored != media.Stale || same.Status != media.Uploaded {
		t.Errorf("result of the job before the retry: %s %s", same.Status, ignored)
	}
	plain := failed(t, "job")
	same, _, ignored = plain.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now)
	if ignored != media.Over || same.Status != media.Failed || plain.Wants("job") {
		t.Errorf("result after a reported failure: %s %s", same.Status, ignored)
	}
}

func TestAReportKeepsAJobFromFailingAsStuck(t *testing.T) {
	t.Parallel()
	progress := media.RecordProgress{JobID: "job", Percent: 3, Step: "probing"}
	item, _, _ := transcoding(t, "job").RecordProgress(progress, now.Add(time.Minute))
	same, payloads, ignored := item.FailStuck(media.FailStuck{JobID: "job", SeenAt: now}, now.Add(time.Hour))
	if ignored == "" || payloads != nil || same.Status != media.Transcoding {
		t.Errorf("%+v %s", same, ignored)
	}
}

func TestProgressNeverFalls(t *testing.T) {
	t.Parallel()
	item := transcoding(t, "job")
	for n, c := range []struct {
		percent, want, events int
		step                  string
	}{
		{10, 10, 1, "encoding_variants"},
		{10, 10, 0, "encoding_variants"},
		{5, 10, 0, "probing"},
		{10, 10, 1, "preview"},
		{100, 100, 1, "finalizing"},
	} {
		at := now.Add(time.Duration(n+1) * time.Second)
		progress := media.RecordProgress{JobID: "job", Percent: c.percent, Step: c.step}
		next, payloads, ignored := item.RecordProgress(progress, at)
		if ignored != "" || *next.Progress != c.want || !next.SeenAt.Equal(at) ||
			len(payloads) != c.events || next.Version != item.Version+int64(c.events) {
			t.Errorf("report %d: %+v %v %s", n, next, payloads, ignored)
		}
		item = next
	}
}

func TestTheEndOfAJobIsEstimatedFromItsPace(t *testing.T) {
	t.Parallel()
	item := transcoding(t, "job")
	const unknown = -1
	at := now
	for n, c := range []struct {
		after         time.Duration
		percent, left int
	}{
		{time.Hour, 5, unknown}, // the wait in the queue does not count
		{10 * time.Second, 6, unknown},
		{10 * time.Second, 10, 360}, // 5 % in 20 s, 90 % are left
		{80 * time.Second, 55, 90},
		{10 * time.Second, 50, 99}, // less progress is none: 50 % took 110 s
		{time.Hour, 56, unknown},   // another worker
		{10 * time.Second, 76, 12},
		{10 * time.Second, 100, 0},
	} {
		at = at.Add(c.after)
		progress := media.RecordProgress{JobID: "job", Percent: c.percent, Step: "preview"}
		next, payloads, _ := item.RecordProgress(progress, at)
		left := unknown
		if seconds := next.SecondsLeft(at); seconds != nil {
			left = *seconds
		}
		if left != c.left {
			t.Errorf("report %d: %d seconds left, want %d", n, left, c.left)
		}
		if len(payloads) == 1 {
			event := payloads[0].(events.MediaTranscodingProgressed)
			if known := event.SecondsLeft != nil; known != (c.left != unknown) || known && *event.SecondsLeft != c.left {
				t.Errorf("report %d: event %+v", n, event)
			}
		}
		item = next
	}
	if left := item.SecondsLeft(at.Add(time.Hour)); *left != 0 {
		t.Errorf("%d seconds left after the estimated end", *left)
	}
	over := must3(item.RecordFailure(media.RecordFailure{JobID: "job"}, at))
	if over.SecondsLeft(at) != nil {
		t.Error("a job that is over has an estimate")
	}
}

func must3(item media.Item, _ []events.Payload, _ media.Ignored) media.Item { return item }

func TestAFirstRenditionIsPlayableUntilARetry(t *testing.T) {
	t.Parallel()
	item := transcoding(t, "job")
	master := item.CreatorID + "/hls/" + item.ID + "/playable.m3u8"
	report := media.RecordPlayable{JobID: item.JobID, Output: media.Output{
		MediaID:         item.ID,
		HLSMasterKey:    &master,
		DurationSeconds: 9.6,
		ReadyVariants:   []string{"480p"},
	}}

	foreign := "someone/hls/" + item.ID + "/playable.m3u8"
	wrong := report
	wrong.Output.HLSMasterKey = &foreign
	if next, payloads, _ := item.RecordPlayable(wrong, now); next.CanPlay() || len(payloads) > 0 {
		t.Errorf("a playlist of someone else is played: %+v", next)
	}
	next, payloads, ignored := item.RecordPlayable(report, now)
	if ignored != "" || len(payloads) != 1 || !next.CanPlay() || next.Status != media.Transcoding ||
		next.MasterKey != master || *next.DurationSeconds != 10 {
		t.Fatalf("%q %v %+v", ignored, payloads, next)
	}
	if _, payloads, _ := next.RecordPlayable(report, now); len(payloads) > 0 {
		t.Errorf("a repeated report has events: %v", payloads)
	}
	failed, _, _ := next.RecordFailure(media.RecordFailure{JobID: item.JobID, Error: "no more"}, now)
	if !failed.CanPlay() {
		t.Error("the failure of the rest took away what was there")
	}
	retried, _, err := failed.Retry(media.Retry{}, owner, now)
	if err != nil || retried.CanPlay() {
		t.Errorf("%v, playable while another attempt may write over it", err)
	}
	if _, _, ignored := retried.RecordPlayable(report, now); ignored == "" {
		t.Error("a report of the attempt before counts")
	}
}

func TestAnIncompleteResultIsAFailure(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*media.Output){
		"no variants":           func(o *media.Output) { o.ReadyVariants = nil },
		"no master":             func(o *media.Output) { o.HLSMasterKey = nil },
		"no thumbnail":          func(o *media.Output) { o.ThumbnailKey = nil },
		"another item":          func(o *media.Output) { o.MediaID = "01900000-0000-7000-8000-000000000002" },
		"another creator's key": func(o *media.Output) { o.HLSMasterKey = p("other/hls/" + id + "/master.m3u8") },
		"another item's key":    func(o *media.Output) { o.ThumbnailKey = p(creator + "/thumbnails/other/a.jpg") },
		"a key with ..":         func(o *media.Output) { o.HLSMasterKey = p(creator + "/hls/" + id + "/../x/master.m3u8") },
		"no duration":           func(o *media.Output) { o.DurationSeconds = 0 },
		"a foreign preview":     func(o *media.Output) { o.HLSPreviewKey = p("x") },
	} {
		out := output()
		change(&out)
		item, payloads, ignored := transcoding(t, "job").RecordResult(media.RecordResult{JobID: "job", Output: out}, now)
		if ignored != "" || item.Status != media.Failed || payloads[0].(events.MediaFailed).Code != media.CodeBadResult {
			t.Errorf("%s: %+v %s", name, item, ignored)
		}
	}
}
