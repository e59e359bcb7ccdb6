package media_test

import (
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
		t.Fatal("the job was not started")
	}
	return next
}

func failed(t *testing.T, job string) media.Item {
	t.Helper()
	failure := media.RecordFailure{JobID: job, Error: "UNDECODABLE: The file is damaged."}
	next, _, ignored := transcoding(t, job).RecordFailure(failure, now)
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

func wantError(t *testing.T, err error, class domain.Class, reason string) {
	t.Helper()
	rejection, ok := domain.AsError(err)
	if !ok || rejection.Class != class || rejection.Reason != reason {
		t.Errorf("rejection %v, want %s %s", err, class, reason)
	}
}
