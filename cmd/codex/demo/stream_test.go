package demo

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newStream makes the demonstration's video, in a size that takes no time, and
// serves it as a stream with one rendition.
func newStream(t *testing.T) (*show, string) {
	t.Helper()
	dir := t.TempDir()
	hls := filepath.Join(dir, "480p")
	if err := os.Mkdir(hls, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := tool(t.Context(), "ffmpeg", "-v", "error", "-nostdin",
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=64x48:rate=%d", filmRate), "-f", "lavfi", "-i", "sine",
		"-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-pix_fmt", "yuv420p", "-c:a", "aac",
		"-f", "hls", "-hls_time", "6", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", "-hls_flags", "single_file",
		"-hls_segment_filename", filepath.Join(hls, "stream.mp4"), filepath.Join(hls, "index.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	const master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=64x48\n480p/index.m3u8\n"
	if err := os.WriteFile(filepath.Join(dir, "master.m3u8"), []byte(master), 0o600); err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return &show{
		report: newReport(&bytes.Buffer{}),
		dir:    t.TempDir(),
		player: newClient(""),
		film:   upload{variants: []string{"480p"}},
		stream: stream{StreamingURL: server.URL + "/master.m3u8?token=x", ExpiresAt: time.Now().Add(10 * time.Minute)},
	}, hls
}

func TestARealStreamIsPlayedAndDecoded(t *testing.T) {
	t.Parallel()
	s, hls := newStream(t)
	if _, err := s.play(t.Context()); err != nil {
		t.Fatal(err)
	}
	if said, err := s.decode(t.Context()); err != nil || said != "480p 600 frames" {
		t.Fatalf("got %q, %v", said, err)
	}
	original, err := os.ReadFile(filepath.Join(hls, "stream.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	played, err := os.ReadFile(s.renditions[0].path)
	if err != nil || !bytes.Equal(played, original) {
		t.Fatalf("%d bytes were played of %d: %v", len(played), len(original), err)
	}

	// A stream whose bytes were damaged on the way has the right size and ranges.
	copy(played[len(played)/2:], make([]byte, 2000))
	if err := os.WriteFile(s.renditions[0].path, played, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := s.decode(t.Context()); err == nil {
		t.Errorf("damaged bytes were decoded: %s", said)
	}
}

func TestAStreamWithoutAPromisedRenditionIsNoticed(t *testing.T) {
	t.Parallel()
	s, _ := newStream(t)
	s.film.variants = []string{"720p", "480p"}
	if _, err := s.play(t.Context()); err == nil || !strings.Contains(err.Error(), "720p") {
		t.Errorf("got %v", err)
	}
}
