package media_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
)

const (
	creator = "0190a0b0c0d0e0f0a0b0c0d0e0f0a0b0"
	id      = "01900000-0000-7000-8000-000000000001"
	upload  = "01900000-0000-7000-8000-00000000aaaa"
)

var (
	now   = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	owner = media.Facts{Actor: media.Actor{ID: creator, Role: "creator"}, UploadID: upload}
)

func p[T any](v T) *T { return &v }

func registration() media.Register {
	return media.Register{
		Title:         "A film",
		MediaType:     media.Video,
		MimeType:      "video/mp4",
		FileSizeBytes: 1000,
	}
}

// must drops an error that the test does not expect.
func must(t *testing.T) func(media.Item, []events.Payload, error) media.Item {
	t.Helper()
	return func(i media.Item, _ []events.Payload, err error) media.Item {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
}

func registered(t *testing.T) media.Item {
	t.Helper()
	return must(t)(media.New(id, registration(), owner, now))
}

func uploaded(t *testing.T) media.Item {
	t.Helper()
	return must(t)(registered(t).CompleteUpload(media.CompleteUpload{ETag: `"e"`, SizeBytes: 1000}, owner, now))
}

func transcoding(t *testing.T, job string) media.Item {
	t.Helper()
	next, _, ok := uploaded(t).StartTranscoding(job, now)
	if !ok {
		t.Fatal("the job was not given out")
	}
	return next
}

func failed(t *testing.T, job string) media.Item {
	t.Helper()
	next, _, ignored := transcoding(t, job).RecordFailure(media.RecordFailure{JobID: job, Error: "UNDECODABLE: The file is damaged."}, now)
	if ignored != "" {
		t.Fatal(ignored)
	}
	return next
}

func output() media.Output {
	prefixes := media.PrefixesOf(creator, id)
	return media.Output{
		MediaID:            id,
		Type:               media.Video,
		HLSMasterKey:       p(prefixes.HLS + "master.m3u8"),
		HLSPreviewKey:      p(prefixes.HLS + "preview/preview.m3u8"),
		ThumbnailKey:       p(prefixes.Thumbnails + "auto-generated.jpg"),
		DurationSeconds:    12.4,
		Width:              p(1280),
		Height:             p(720),
		ReadyVariants:      []string{"720p", "480p"},
		LoudnessIntegrated: p(-1600),
		LoudnessPeak:       p(-150),
		LoudnessRange:      p(700),
	}
}

func ready(t *testing.T, job string) media.Item {
	t.Helper()
	next, _, ignored := transcoding(t, job).RecordResult(media.RecordResult{JobID: job, Output: output()}, now)
	if ignored != "" {
		t.Fatal(ignored)
	}
	return next
}

func wantRefusal(t *testing.T, err error, class domain.Class, reason string) {
	t.Helper()
	refusal, ok := domain.AsError(err)
	if !ok || refusal.Class != class || refusal.Reason != reason {
		t.Errorf("refusal %v, want %s %s", err, class, reason)
	}
}

func TestAnItemGoesFromRegistrationToReady(t *testing.T) {
	t.Parallel()
	item := registered(t)
	if item.Status != media.Uploading || item.Version != 1 || item.ObjectKey != creator+"/originals/"+id+"/"+upload+"/source.mp4" {
		t.Fatalf("registered: %+v", item)
	}
	item, happened, err := item.CompleteUpload(media.CompleteUpload{ETag: `"e"`, SizeBytes: 1000}, owner, now)
	if err != nil || item.Status != media.Uploaded || item.ETag != `"e"` || len(happened) != 1 || happened[0].(events.MediaUploaded).Attempt != 1 {
		t.Fatalf("uploaded: %+v %v %v", item, happened, err)
	}
	again, happened, err := item.CompleteUpload(media.CompleteUpload{ETag: `"x"`, SizeBytes: 1}, owner, now)
	if err != nil || happened != nil || again.ETag != item.ETag || again.Version != item.Version {
		t.Errorf("repeated completion: %+v %v %v", again, happened, err)
	}
	item, happened, ok := item.StartTranscoding("job", now)
	started := happened[0].(events.MediaTranscodingStarted)
	if !ok || item.Status != media.Transcoding || item.Attempts != 1 || started.ETag != `"e"` || started.Attempt != 1 || started.JobID != "job" {
		t.Fatalf("started: %+v %+v", item, started)
	}
	if _, _, ok := item.StartTranscoding("other", now); ok {
		t.Error("a second job was given out")
	}
	item, happened, ignored := item.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now)
	if ignored != "" || item.Status != media.Ready || *item.DurationSeconds != 12 || item.Loudness.Peak != -150 || item.Version != 4 {
		t.Fatalf("ready: %+v %s", item, ignored)
	}
	if event := happened[0].(events.MediaReady); event.Width != 1280 || len(event.ReadyVariants) != 2 {
		t.Errorf("event %+v", event)
	}
}

func TestInputIsRefusedWithTheNameOfTheField(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*media.Register){
		"title":         func(r *media.Register) { r.Title = " " },
		"description":   func(r *media.Register) { r.Description = p(strings.Repeat("x", 5001)) },
		"mediaType":     func(r *media.Register) { r.MediaType = "image" },
		"mimeType":      func(r *media.Register) { r.MimeType = "text/html" },
		"fileSizeBytes": func(r *media.Register) { r.FileSizeBytes = media.MaxUploadBytes + 1 },
		"r2Key":         func(r *media.Register) { r.R2Key = strings.Repeat("k", 501) },
	} {
		r := registration()
		change(&r)
		if bad := r.Validate(); len(bad) != 1 || bad[0].Path != field {
			t.Errorf("%s: %v", field, bad)
		}
		if _, _, err := media.New(id, r, owner, now); !domain.IsClass(err, domain.Invalid) {
			t.Errorf("%s: %v", field, err)
		}
	}
	r := registration()
	r.MimeType = "audio/mpeg"
	if bad := r.Validate(); len(bad) != 1 || bad[0].Path != "mimeType" {
		t.Errorf("sound declared as video: %v", bad)
	}
	r = registration()
	r.Title, r.FileSizeBytes, r.MimeType = strings.Repeat("ä", 255), media.MaxUploadBytes, "video/quicktime"
	if bad := r.Validate(); bad != nil {
		t.Errorf("the limits themselves: %v", bad)
	}
}

func TestAClientsKeyCountsInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	ours := creator + "/originals/" + id + "/" + upload + "/source.mp4"
	for _, c := range []struct {
		key         string
		development bool
		want        string
	}{
		{"tests/film_1.mp4", true, "tests/film_1.mp4"},
		{"tests/film_1.mp4", false, ours},
		{"/film.mp4", true, ours},
		{"a//b.mp4", true, ours},
		{"", true, ours},
	} {
		r, facts := registration(), owner
		r.R2Key, facts.Development = c.key, c.development
		if item := must(t)(media.New(id, r, facts, now)); item.ObjectKey != c.want {
			t.Errorf("key %q, development %v: %q", c.key, c.development, item.ObjectKey)
		}
	}
	for _, key := range []string{"../other/film.mp4", "a%2e%2e/b.mp4", "a\\b.mp4", "a b.mp4", "a.tar.gz", "ä.mp4"} {
		r := registration()
		r.R2Key = key
		if bad := r.Validate(); len(bad) != 1 || bad[0].Path != "r2Key" {
			t.Errorf("key %q: %v", key, bad)
		}
	}
}

func TestOnlyTheOwnerMayTouchAnItem(t *testing.T) {
	t.Parallel()
	item := uploaded(t)
	stranger := media.Facts{Actor: media.Actor{ID: "somebodyelse", Role: "admin"}}
	demoted := media.Facts{Actor: media.Actor{ID: creator, Role: "customer"}}
	for name, act := range map[string]func(media.Facts) error{
		"complete": func(f media.Facts) error {
			_, _, err := item.CompleteUpload(media.CompleteUpload{}, f, now)
			return err
		},
		"reject": func(f media.Facts) error { _, _, err := item.Reject(media.Reject{}, f, now); return err },
		"update": func(f media.Facts) error { _, _, err := item.Update(media.Update{}, f, now); return err },
		"delete": func(f media.Facts) error { _, _, err := item.Delete(media.Delete{}, f, now); return err },
	} {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, act(stranger), domain.NotFound, "MEDIA_NOT_FOUND")
			wantRefusal(t, act(demoted), domain.Forbidden, "")
		})
	}
	_, _, err := media.New(id, registration(), demoted, now)
	wantRefusal(t, err, domain.Forbidden, "")
	_, _, err = failed(t, "job").Retry(media.Retry{}, stranger, now)
	wantRefusal(t, err, domain.Forbidden, "MEDIA_OWNERSHIP_ERROR")
	_, _, err = media.Item{}.Retry(media.Retry{}, owner, now)
	wantRefusal(t, err, domain.NotFound, "TRANSCODING_MEDIA_NOT_FOUND")
}

func TestAWrongUploadLeavesTheItemWaitingAndAFalseOneEndsIt(t *testing.T) {
	t.Parallel()
	item := registered(t)
	same, happened, err := item.CompleteUpload(media.CompleteUpload{ETag: "e", SizeBytes: 999}, owner, now)
	wantRefusal(t, err, domain.Rule, "UPLOAD_SIZE_MISMATCH")
	if same.Status != media.Uploading || happened != nil {
		t.Errorf("after a wrong size: %+v %v", same, happened)
	}
	item, happened, err = item.Reject(media.Reject{Code: media.CodeInvalidContentType, Reason: media.ReasonInvalidContentType}, owner, now)
	event := happened[0].(events.MediaFailed)
	if err != nil || item.Status != media.Failed || item.Attempts != 0 || event.Code != "INVALID_CONTENT_TYPE" || event.Reason == "" {
		t.Fatalf("rejected: %+v %+v %v", item, event, err)
	}
	_, _, err = item.Retry(media.Retry{}, owner, now)
	wantRefusal(t, err, domain.Rule, "INVALID_MEDIA_STATE")
	_, _, err = item.CompleteUpload(media.CompleteUpload{SizeBytes: 1000}, owner, now)
	wantRefusal(t, err, domain.Conflict, "INVALID_MEDIA_STATE")
}

func TestEveryTransitionThatIsNotInThePictureIsRefused(t *testing.T) {
	t.Parallel()
	states := map[media.Status]media.Item{
		media.Uploading: registered(t), media.Uploaded: uploaded(t), media.Transcoding: transcoding(t, "job"),
		media.Ready: ready(t, "job"), media.Failed: failed(t, "job"),
	}
	type verb struct {
		name string
		act  func(media.Item) (media.Item, bool)
	}
	verbs := []verb{
		{"complete", func(i media.Item) (media.Item, bool) {
			next, _, err := i.CompleteUpload(media.CompleteUpload{SizeBytes: 1000}, owner, now)
			return next, err == nil
		}},
		{"reject", func(i media.Item) (media.Item, bool) {
			next, _, err := i.Reject(media.Reject{Code: "X"}, owner, now)
			return next, err == nil
		}},
		{"start", func(i media.Item) (media.Item, bool) { next, _, ok := i.StartTranscoding("new", now); return next, ok }},
		{"retry", func(i media.Item) (media.Item, bool) {
			next, _, err := i.Retry(media.Retry{}, owner, now)
			return next, err == nil
		}},
		{"result", func(i media.Item) (media.Item, bool) {
			next, _, ignored := i.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now)
			return next, ignored == ""
		}},
		{"failure", func(i media.Item) (media.Item, bool) {
			next, _, ignored := i.RecordFailure(media.RecordFailure{JobID: "job"}, now)
			return next, ignored == ""
		}},
		{"stuck", func(i media.Item) (media.Item, bool) {
			next, _, ignored := i.FailStuck(media.FailStuck{JobID: "job", SeenAt: now}, now)
			return next, ignored == ""
		}},
	}
	allowed := map[media.Status]map[string]media.Status{
		media.Uploading:   {"complete": media.Uploaded, "reject": media.Failed},
		media.Uploaded:    {"complete": media.Uploaded, "start": media.Transcoding},
		media.Transcoding: {"result": media.Ready, "failure": media.Failed, "stuck": media.Failed},
		media.Ready:       {},
		media.Failed:      {"retry": media.Uploaded},
	}
	for status, item := range states {
		for _, v := range verbs {
			next, ok := v.act(item)
			want, may := allowed[status][v.name]
			if ok != may || (ok && next.Status != want) || (!ok && next.Status != status) {
				t.Errorf("%s from %s: %s, applied %v", v.name, status, next.Status, ok)
			}
		}
	}
}

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
		next, happened, err := item.Retry(media.Retry{}, owner, now)
		if attempt == media.MaxAttempts {
			wantRefusal(t, err, domain.Rule, "MAX_RETRIES_EXCEEDED")
			break
		}
		if err != nil || next.Error != "" || next.JobID != "" || happened[0].(events.MediaRetried).Attempt != attempt+1 {
			t.Fatalf("retry %d: %+v %v", attempt, next, err)
		}
		item = next
	}
}

func TestTheTextOfAnExternalFailureIsShownToTheOwnerAlone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]events.MediaFailed{
		"UNDECODABLE: The file is damaged.": {Code: "UNDECODABLE", Reason: "The file is damaged."},
		"cannot read Anna's holiday.mp4":    {Code: "TRANSCODING_FAILED", Reason: "The transcoder reported a failure."},
		"":                                  {Code: "TRANSCODING_FAILED", Reason: "The transcoder reported a failure."},
		strings.Repeat("ä", 2000):           {Code: "TRANSCODING_FAILED", Reason: "The transcoder reported a failure."},
	} {
		item, happened, _ := transcoding(t, "job").RecordFailure(media.RecordFailure{JobID: "job", Error: text}, now)
		event := happened[0].(events.MediaFailed)
		if event.Code != want.Code || event.Reason != want.Reason || item.Error == "" || len(item.Error) > 2000 {
			t.Errorf("%.40q: %+v, shown %.40q", text, event, item.Error)
		}
	}
}

func TestTheResultOfAJobTakenForDeadStillCounts(t *testing.T) {
	t.Parallel()
	stuck, happened, ignored := transcoding(t, "job").FailStuck(media.FailStuck{JobID: "job", SeenAt: now}, now)
	if ignored != "" || happened[0].(events.MediaFailed).Code != media.CodeStuck || !stuck.Wants("job") {
		t.Fatalf("stuck: %+v %s", stuck, ignored)
	}
	item, _, ignored := stuck.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now)
	if ignored != "" || item.Status != media.Ready || item.Error != "" {
		t.Errorf("late result: %+v %s", item, ignored)
	}
	retried := must(t)(stuck.Retry(media.Retry{}, owner, now))
	if same, _, ignored := retried.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now); ignored != media.Stale || same.Status != media.Uploaded {
		t.Errorf("result of the job before the retry: %s %s", same.Status, ignored)
	}
	plain := failed(t, "job")
	if same, _, ignored := plain.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now); ignored != media.Over || same.Status != media.Failed || plain.Wants("job") {
		t.Errorf("result after a reported failure: %s %s", same.Status, ignored)
	}
}

func TestASignOfLifeSavesAJobFromTheSweep(t *testing.T) {
	t.Parallel()
	item, _, _ := transcoding(t, "job").RecordProgress(media.RecordProgress{JobID: "job", Percent: 3, Step: "probing"}, now.Add(time.Minute))
	same, happened, ignored := item.FailStuck(media.FailStuck{JobID: "job", SeenAt: now}, now.Add(time.Hour))
	if ignored == "" || happened != nil || same.Status != media.Transcoding {
		t.Errorf("%+v %s", same, ignored)
	}
}

func TestProgressNeverFallsButAlwaysProvesLife(t *testing.T) {
	t.Parallel()
	item := transcoding(t, "job")
	for n, c := range []struct {
		percent, want, events int
		step                  string
	}{
		{10, 10, 1, "encoding_variants"}, {10, 10, 0, "encoding_variants"}, {5, 10, 0, "probing"}, {10, 10, 1, "preview"}, {100, 100, 1, "finalizing"},
	} {
		at := now.Add(time.Duration(n+1) * time.Second)
		next, happened, ignored := item.RecordProgress(media.RecordProgress{JobID: "job", Percent: c.percent, Step: c.step}, at)
		if ignored != "" || *next.Progress != c.want || len(happened) != c.events || !next.SeenAt.Equal(at) || next.Version != item.Version+int64(c.events) {
			t.Errorf("report %d: %+v %v %s", n, next, happened, ignored)
		}
		item = next
	}
}

func TestAnIncompleteResultIsAFailure(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*media.Output){
		"no variants":            func(o *media.Output) { o.ReadyVariants = nil },
		"no master":              func(o *media.Output) { o.HLSMasterKey = nil },
		"no thumbnail":           func(o *media.Output) { o.ThumbnailKey = nil },
		"another item":           func(o *media.Output) { o.MediaID = "01900000-0000-7000-8000-000000000002" },
		"another creator's key":  func(o *media.Output) { o.HLSMasterKey = p("other/hls/" + id + "/master.m3u8") },
		"another item's key":     func(o *media.Output) { o.ThumbnailKey = p(creator + "/thumbnails/other/auto-generated.jpg") },
		"a key that climbs":      func(o *media.Output) { o.HLSMasterKey = p(creator + "/hls/" + id + "/../x/master.m3u8") },
		"no duration":            func(o *media.Output) { o.DurationSeconds = 0 },
		"a preview of elsewhere": func(o *media.Output) { o.HLSPreviewKey = p("x") },
	} {
		out := output()
		change(&out)
		item, happened, ignored := transcoding(t, "job").RecordResult(media.RecordResult{JobID: "job", Output: out}, now)
		if ignored != "" || item.Status != media.Failed || happened[0].(events.MediaFailed).Code != media.CodeBadResult {
			t.Errorf("%s: %+v %s", name, item, ignored)
		}
	}
}

func TestDeletionIsFinalAndPublishedContentStandsInItsWay(t *testing.T) {
	t.Parallel()
	busy := owner
	busy.PublishedUses = 2
	_, _, err := ready(t, "job").Delete(media.Delete{}, busy, now)
	wantRefusal(t, err, domain.Rule, "MEDIA_IN_USE")
	gone := must(t)(transcoding(t, "job").Delete(media.Delete{}, owner, now))
	_, _, err = gone.Delete(media.Delete{}, owner, now)
	wantRefusal(t, err, domain.NotFound, "MEDIA_NOT_FOUND")
	same, happened, ignored := gone.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now)
	if ignored != media.Gone || same.Status != media.Transcoding || happened[0].EventType() != "media.outputs_discarded" || same.Version != gone.Version+1 {
		t.Errorf("late result: %+v %v %s", same, happened, ignored)
	}
	if _, happened, ignored := gone.RecordFailure(media.RecordFailure{JobID: "job"}, now); ignored != media.Gone || happened != nil {
		t.Errorf("late failure: %v %s", happened, ignored)
	}
	if _, _, ok := must(t)(uploaded(t).Delete(media.Delete{}, owner, now)).StartTranscoding("job", now); ok || gone.Wants("job") {
		t.Error("a deleted item was given a job")
	}
}

func TestForcedFieldsAreForDevelopmentOnly(t *testing.T) {
	t.Parallel()
	forced := media.Update{
		Title:                p("New"),
		Status:               p(media.Ready),
		HLSMasterPlaylistKey: p("x/master.m3u8"),
		ThumbnailKey:         p("x/t.jpg"),
		DurationSeconds:      p(60),
		Width:                p(1920),
		Height:               p(1080),
		UploadedAt:           &now,
	}
	_, _, err := registered(t).Update(forced, owner, now)
	refusal, _ := domain.AsError(err)
	if refusal == nil || refusal.Class != domain.Invalid || len(refusal.Fields) != 7 {
		t.Fatalf("refusal %+v", refusal)
	}
	dev := owner
	dev.Development = true
	item, happened, err := registered(t).Update(forced, dev, now)
	if err != nil || item.Status != media.Ready || item.MasterKey != "x/master.m3u8" || *item.DurationSeconds != 60 || item.Version != 3 {
		t.Fatalf("forced: %+v %v", item, err)
	}
	if len(happened) != 2 || happened[1].EventType() != "media.ready" {
		t.Errorf("events %v", happened)
	}
	bare := must(t)(registered(t).Update(media.Update{Status: p(media.Ready)}, dev, now))
	if bare.MasterKey != creator+"/hls/"+id+"/master.m3u8" {
		t.Errorf("ready without a key: %q", bare.MasterKey)
	}
	item, happened, err = registered(t).Update(media.Update{Description: p("Words")}, owner, now)
	if err != nil || *item.Description != "Words" || len(happened) != 1 {
		t.Errorf("description: %+v %v %v", item, happened, err)
	}
	if _, happened, err := registered(t).Update(media.Update{}, owner, now); err != nil || happened != nil {
		t.Errorf("nothing: %v %v", happened, err)
	}
	_, _, err = registered(t).Update(media.Update{ThumbnailKey: p("../x")}, dev, now)
	if !domain.IsClass(err, domain.Invalid) {
		t.Errorf("a climbing key: %v", err)
	}
}

func TestRefusalsShowTheContractsCodes(t *testing.T) {
	t.Parallel()
	var refusal *domain.Error
	for code, err := range map[string]error{
		"UPLOAD_MISSING": media.ErrUploadMissing, "UPLOAD_TYPE_MISMATCH": media.ErrUploadType,
		"INVALID_CONTENT_TYPE":  media.Rejected(media.CodeInvalidContentType, media.ReasonInvalidContentType),
		"MEDIA_OWNERSHIP_ERROR": media.ErrNotOwner,
	} {
		if !errors.As(err, &refusal) || refusal.Code != code || refusal.Reason != code {
			t.Errorf("%s: %+v", code, err)
		}
	}
}
