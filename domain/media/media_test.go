package media_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
)

func TestAnItemGoesFromRegistrationToReady(t *testing.T) {
	t.Parallel()
	item := registered(t)
	key := creator + "/originals/" + id + "/" + upload + "/source.mp4"
	if item.Status != media.Uploading || item.Version != 1 || item.ObjectKey != key {
		t.Fatalf("registered: %+v", item)
	}
	item, payloads, err := item.CompleteUpload(media.CompleteUpload{ETag: `"e"`, SizeBytes: 1000}, owner, now)
	if err != nil || item.Status != media.Uploaded || item.ETag != `"e"` ||
		len(payloads) != 1 || payloads[0].(events.MediaUploaded).Attempt != 1 {
		t.Fatalf("uploaded: %+v %v %v", item, payloads, err)
	}
	again, payloads, err := item.CompleteUpload(media.CompleteUpload{ETag: `"x"`, SizeBytes: 1}, owner, now)
	if err != nil || payloads != nil || again.ETag != item.ETag || again.Version != item.Version {
		t.Errorf("repeated completion: %+v %v %v", again, payloads, err)
	}
	item, payloads, ok := item.StartTranscoding("job", now)
	started := payloads[0].(events.MediaTranscodingStarted)
	if !ok || item.Status != media.Transcoding || item.Attempts != 1 ||
		started.ETag != `"e"` || started.Attempt != 1 || started.JobID != "job" {
		t.Fatalf("started: %+v %+v", item, started)
	}
	if _, _, ok := item.StartTranscoding("other", now); ok {
		t.Error("a second job was started")
	}
	item, payloads, ignored := item.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now)
	if ignored != "" || item.Status != media.Ready || item.Version != 4 ||
		*item.DurationSeconds != 12 || item.Loudness.Peak != -150 {
		t.Fatalf("ready: %+v %s", item, ignored)
	}
	if event := payloads[0].(events.MediaReady); event.Width != 1280 || len(event.ReadyVariants) != 2 {
		t.Errorf("event %+v", event)
	}
}

func TestInvalidInputIsRejectedWithTheField(t *testing.T) {
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

func TestClientsChooseKeysOnlyInDevelopment(t *testing.T) {
	t.Parallel()
	own := creator + "/originals/" + id + "/" + upload + "/source.mp4"
	for _, c := range []struct {
		key         string
		development bool
		want        string
	}{
		{"tests/film_1.mp4", true, "tests/film_1.mp4"},
		{"tests/film_1.mp4", false, own},
		{"/film.mp4", true, own},
		{"a//b.mp4", true, own},
		{"", true, own},
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

func TestOnlyTheOwnerChangesAnItem(t *testing.T) {
	t.Parallel()
	item := uploaded(t)
	stranger := media.Facts{Actor: media.Actor{ID: "another", Role: "admin"}}
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
			wantError(t, act(stranger), domain.NotFound, "MEDIA_NOT_FOUND")
			wantError(t, act(demoted), domain.Forbidden, "")
		})
	}
	_, _, err := media.New(id, registration(), demoted, now)
	wantError(t, err, domain.Forbidden, "")
	_, _, err = failed(t, "job").Retry(media.Retry{}, stranger, now)
	wantError(t, err, domain.Forbidden, "MEDIA_OWNERSHIP_ERROR")
	_, _, err = media.Item{}.Retry(media.Retry{}, owner, now)
	wantError(t, err, domain.NotFound, "TRANSCODING_MEDIA_NOT_FOUND")
}

func TestAWrongSizeLeavesTheItemWaitingAndAWrongTypeFailsIt(t *testing.T) {
	t.Parallel()
	item := registered(t)
	same, payloads, err := item.CompleteUpload(media.CompleteUpload{ETag: "e", SizeBytes: 999}, owner, now)
	wantError(t, err, domain.Rule, "UPLOAD_SIZE_MISMATCH")
	if same.Status != media.Uploading || payloads != nil {
		t.Errorf("after a wrong size: %+v %v", same, payloads)
	}
	reject := media.Reject{Code: media.CodeInvalidContentType, Reason: media.ReasonInvalidContentType}
	item, payloads, err = item.Reject(reject, owner, now)
	event := payloads[0].(events.MediaFailed)
	if err != nil || item.Status != media.Failed || item.Attempts != 0 ||
		event.Code != "INVALID_CONTENT_TYPE" || event.Reason == "" {
		t.Fatalf("rejected: %+v %+v %v", item, event, err)
	}
	_, _, err = item.Retry(media.Retry{}, owner, now)
	wantError(t, err, domain.Rule, "UPLOAD_NOT_ACCEPTED")
	_, _, err = item.CompleteUpload(media.CompleteUpload{SizeBytes: 1000}, owner, now)
	wantError(t, err, domain.Conflict, "INVALID_MEDIA_STATE")
}

func TestOtherTransitionsAreRejected(t *testing.T) {
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

func TestDeletionIsFinalAndBlockedByPublishedContent(t *testing.T) {
	t.Parallel()
	busy := owner
	busy.PublishedUses = 2
	_, _, err := ready(t, "job").Delete(media.Delete{}, busy, now)
	wantError(t, err, domain.Rule, "MEDIA_IN_USE")
	gone := must(t)(transcoding(t, "job").Delete(media.Delete{}, owner, now))
	_, _, err = gone.Delete(media.Delete{}, owner, now)
	wantError(t, err, domain.NotFound, "MEDIA_NOT_FOUND")
	same, payloads, ignored := gone.RecordResult(media.RecordResult{JobID: "job", Output: output()}, now)
	if ignored != media.Gone || same.Status != media.Transcoding ||
		payloads[0].EventType() != "media.outputs_discarded" || same.Version != gone.Version+1 {
		t.Errorf("late result: %+v %v %s", same, payloads, ignored)
	}
	_, payloads, ignored = gone.RecordFailure(media.RecordFailure{JobID: "job"}, now)
	if ignored != media.Gone || payloads != nil {
		t.Errorf("late failure: %v %s", payloads, ignored)
	}
	deleted := must(t)(uploaded(t).Delete(media.Delete{}, owner, now))
	if _, _, ok := deleted.StartTranscoding("job", now); ok || gone.Wants("job") {
		t.Error("the job of a deleted item was started")
	}
}

func TestForcedFieldsAreOnlyForDevelopment(t *testing.T) {
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
	rejection, _ := domain.AsError(err)
	if rejection == nil || rejection.Class != domain.Invalid || len(rejection.Fields) != 7 {
		t.Fatalf("rejection %+v", rejection)
	}
	dev := owner
	dev.Development = true
	item, payloads, err := registered(t).Update(forced, dev, now)
	if err != nil || item.Status != media.Ready || item.Version != 3 ||
		item.MasterKey != "x/master.m3u8" || *item.DurationSeconds != 60 {
		t.Fatalf("forced: %+v %v", item, err)
	}
	if len(payloads) != 2 || payloads[1].EventType() != "media.ready" {
		t.Errorf("events %v", payloads)
	}
	bare := must(t)(registered(t).Update(media.Update{Status: p(media.Ready)}, dev, now))
	if bare.MasterKey != creator+"/hls/"+id+"/master.m3u8" {
		t.Errorf("ready without a key: %q", bare.MasterKey)
	}
	item, payloads, err = registered(t).Update(media.Update{Description: p("Words")}, owner, now)
	if err != nil || *item.Description != "Words" || len(payloads) != 1 {
		t.Errorf("description: %+v %v %v", item, payloads, err)
	}
	if _, payloads, err := registered(t).Update(media.Update{}, owner, now); err != nil || payloads != nil {
		t.Errorf("nothing: %v %v", payloads, err)
	}
	_, _, err = registered(t).Update(media.Update{ThumbnailKey: p("../x")}, dev, now)
	if !domain.IsClass(err, domain.Invalid) {
		t.Errorf("a climbing key: %v", err)
	}
}

func TestErrorsHaveTheCodesOfTheContract(t *testing.T) {
	t.Parallel()
	var rejection *domain.Error
	for code, err := range map[string]error{
		"UPLOAD_MISSING": media.ErrUploadMissing, "UPLOAD_TYPE_MISMATCH": media.ErrUploadType,
		"INVALID_CONTENT_TYPE":  media.Rejected(media.CodeInvalidContentType, media.ReasonInvalidContentType),
		"MEDIA_OWNERSHIP_ERROR": media.ErrNotOwner,
	} {
		if !errors.As(err, &rejection) || rejection.Code != code || rejection.Reason != code {
			t.Errorf("%s: %+v", code, err)
		}
	}
}
