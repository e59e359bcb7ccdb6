package ingest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// TestEveryTypeIsTakenForWhatItIs uploads a real file of each type under its own name, and under that of another.
func TestEveryTypeIsTakenForWhatItIs(t *testing.T) {
	t.Parallel()
	tool, err := ffmpeg.New(ffmpeg.Config{Threads: 1, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	w := newHarness(t, options{prober: tool})
	u := w.signIn("creator")
	const video, tone = "-f lavfi -i testsrc2=s=64x64:r=25 -t 0.5 ", "-f lavfi -i sine=d=0.5 "
	for _, c := range []struct{ mime, name, args, extension, falsely string }{
		{"video/mp4", "a.mp4", video + "-c:v libx264", "mp4", "video/webm"},
		{"video/quicktime", "a.mov", video + "-c:v libx264", "mov", "video/x-msvideo"},
		{"video/x-msvideo", "a.avi", video, "avi", "video/mp4"},
		{"video/webm", "a.webm", video + "-c:v libvpx -deadline realtime", "webm", "audio/webm"},
		{"audio/mpeg", "a.mp3", tone, "mp3", "audio/ogg"},
		{"audio/mp4", "a.m4a", tone, "m4a", "video/mp4"},
		{"audio/wav", "a.wav", tone, "wav", "audio/mpeg"},
		{"audio/webm", "a.webm", tone + "-c:a libopus", "weba", "video/webm"},
		{"audio/ogg", "a.ogg", tone + "-c:a libvorbis", "ogg", "audio/wav"},
	} {
		t.Run(c.mime, func(t *testing.T) {
			w, u := w.in(t), u.in(t)
			content := clip(t, c.name, c.args)
			id := u.deliver(c.mime, content)
			if got := w.status(id); got == media.Failed || got == media.Uploading {
				t.Errorf("status %s", got)
			}
			want := media.PrefixesOf(u.id, id).Originals
			if key := handlertest.Value[string](w.Harness, `SELECT r2_key FROM media_items WHERE id = $1`, id); len(key) < len(want) ||
				key[:len(want)] != want || key[len(key)-len(c.extension)-1:] != "."+c.extension {
				t.Errorf("key %q", key)
			}
			lie, address := u.register(c.falsely, len(content))
			w.upload(address, c.falsely, content).Want(http.StatusOK, "")
			u.complete(lie).Want(http.StatusUnprocessableEntity, "INVALID_CONTENT_TYPE")
			if got := w.status(lie); got != media.Failed {
				t.Errorf("called %s: status %s", c.falsely, got)
			}
		})
	}
}
