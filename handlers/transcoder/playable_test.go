package transcoder_test

import (
	"context"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/transcoder"
)

// pausing stops a conversion when its first rendition is playable, until resumed.
type pausing struct {
	*ffmpeg.Tool
	playable, resume chan struct{}
}

func (p pausing) Transcode(ctx context.Context, job ffmpeg.Job) (ffmpeg.Result, error) {
	report := job.Playable
	job.Playable = func(first ffmpeg.Playable) error {
		if err := report(first); err != nil {
			return err
		}
		close(p.playable)
		select {
		case <-p.resume:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	return p.Tool.Transcode(ctx, job)
}

func TestAFirstRenditionIsPlayableWhileTheOthersAreEncoded(t *testing.T) {
	t.Parallel()
	tool := handlertest.Must(ffmpeg.New(ffmpeg.Config{Threads: 2, Timeout: time.Minute}))(t)
	h := newHarness(t, tool)
	u := h.Uploader("creator")
	converter := pausing{tool, make(chan struct{}), make(chan struct{})}
	worker := handlertest.Must(transcoder.New(transcoder.Config{
		DB:          h.Pool,
		Media:       h.Media,
		Assets:      h.Assets,
		Tool:        converter,
		CallbackURL: h.URL + "/api/transcoding/webhook",
		Secret:      []byte(secret),
		Dir:         t.TempDir(),
		Log:         h.Logger,
	}))(t)
	h.Start(worker.Run)
	id := u.Deliver("video/mp4", handlertest.Clip(t, "film.mp4", "-f lavfi -i testsrc2=s=1280x720:r=10:d=3 "+
		"-f lavfi -i sine=d=3 -shortest -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"))

	h.Until("the first rendition is reported", func() bool {
		select {
		case <-converter.playable:
			return true
		default:
			return false
		}
	})
	item := u.Ask(http.MethodGet, "/api/media/"+id, nil)
	if item.Text("data.status") != "transcoding" || item.At("data.playable") != true ||
		item.At("data.durationSeconds") != 3.0 {
		t.Fatalf("item %s", item.Body)
	}
	first := item.Text("data.hlsMasterPlaylistKey")
	if got := playable(t, h, first); got != "128k 360p 64k" {
		t.Errorf("playable are %s", got)
	}

	close(converter.resume)
	h.Until("it is ready", func() bool { s := h.MediaStatus(id); return s == media.Ready || s == media.Failed })
	item = u.Ask(http.MethodGet, "/api/media/"+id, nil)
	last := item.Text("data.hlsMasterPlaylistKey")
	if got := playable(t, h, last); item.At("data.playable") != true || got != "128k 240p 360p 480p 64k 720p" ||
		last == first {
		t.Errorf("ready are %s, item %s", got, item.Body)
	}
	types := slices.DeleteFunc(h.MediaEvents(id), func(s string) bool { return s == "media.transcoding_progressed" })
	const want = "media.registered media.uploaded media.transcoding_started media.playable media.ready"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("events %s", got)
	}
}

// playable returns the renditions that a master playlist names, for playing from the start. Their
// playlists and streams must be stored.
func playable(t *testing.T, h *handlertest.Harness, master string) string {
	t.Helper()
	read := func(key string) string {
		text, err := h.Media.Read(t.Context(), key, s3.Range{}, "", 1<<20)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		return string(text)
	}
	var names []string
	for line := range strings.Lines(read(master)) {
		line = strings.TrimSpace(line)
		if _, uri, found := strings.Cut(line, `URI="`); found && strings.HasPrefix(line, "#EXT-X-MEDIA:") {
			line = strings.TrimSuffix(uri, `"`)
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		names = append(names, path.Dir(line))
		if list := read(path.Join(path.Dir(master), line)); !strings.HasSuffix(list, "#EXT-X-ENDLIST\n") {
			t.Errorf("%s is not complete:\n%s", line, list)
		}
		if _, err := h.Media.Head(t.Context(), path.Join(path.Dir(master), path.Dir(line), "stream.mp4")); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
