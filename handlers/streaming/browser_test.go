package streaming_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// clip is how long the film is that browsers play.
const clip = 4 * time.Second

//go:embed testdata/player.html
var playerPage []byte

// outcome is what the page of a player reports.
type outcome struct {
	What     string   `json:"what"`
	Failures []string `json:"failures"`
	// Shown are the captions that were shown.
	Shown        []string `json:"shown"`
	At, Duration float64
}

// Browsers follow the redirects of segments, with their ranges, from a page of another
// origin: the web app's, which is neither the edge's nor the store's.
func TestBrowserPlaysAFilmToItsEnd(t *testing.T) {
	t.Parallel()
	page := newPlayerPage(t)
	w := newHarness(t, options{readOnly: true, web: page.URL})
	f := w.film("")
	w.transcode(f)
	w.Exec(`UPDATE media_items SET duration_seconds = $1,
		captions = '[{"language":"en","label":"English","kind":"subtitles"}]'`, int(clip.Seconds()))
	w.Exec(`INSERT INTO media_captions (media_item_id, language, text) VALUES ($1, 'en', $2)`, f.media,
		"WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello\n")
	v := w.signIn()
	f.grantTo(v)
	for _, player := range []string{"hls.js", "native"} {
		t.Run(player, func(t *testing.T) {
			got := page.play(t, player, *v.opened(f, "").StreamingURL)
			if got.What != "ended" || got.At < clip.Seconds()-0.2 || len(got.Failures) > 0 {
				t.Errorf("%+v", got)
			}
			if player == "hls.js" && !slices.Equal(got.Shown, []string{"Hello"}) {
				t.Errorf("captions shown: %q", got.Shown)
			}
		})
	}
}

// playing is the web app.
type playing struct {
	*httptest.Server
	outcomes chan outcome
}

func newPlayerPage(t *testing.T) *playing {
	t.Helper()
	library, err := os.ReadFile(cached("npm/node_modules/hls.js/dist/hls.min.js"))
	if err != nil {
		t.Fatalf("hls.js is missing, make setup-test installs it: %v", err)
	}
	p := &playing{outcomes: make(chan outcome, 1)}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(playerPage) })
	routes.HandleFunc("GET /hls.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(library)
	})
	routes.HandleFunc("POST /outcome", func(_ http.ResponseWriter, r *http.Request) {
		var o outcome
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			o.What = err.Error()
		}
		select {
		case p.outcomes <- o:
		default: // the first one counts
		}
	})
	p.Server = httptest.NewServer(routes)
	t.Cleanup(p.Close)
	return p
}

// cached returns the path of a file in the cache of deploy/setup.sh.
func cached(name string) string {
	dir := os.Getenv("CODEX_CACHE_DIR")
	if dir == "" {
		dir, _ = os.UserCacheDir()
		dir = filepath.Join(dir, "codex")
	}
	return filepath.Join(dir, name)
}

// play opens the page in a browser and returns what it reports.
func (p *playing) play(t *testing.T, player, stream string) outcome {
	t.Helper()
	query := url.Values{"player": {player}, "stream": {stream}}
	ctx, stop := context.WithTimeout(t.Context(), 4*handlertest.Within)
	defer stop()
	browser := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run", "--autoplay-policy=no-user-gesture-required",
		"--user-data-dir="+t.TempDir(), p.URL+"/?"+query.Encode())
	browser.Cancel = func() error { return browser.Process.Signal(os.Interrupt) }
	browser.WaitDelay = 10 * time.Second
	var said strings.Builder
	browser.Stderr = &said
	if err := browser.Start(); err != nil {
		t.Fatalf("chromium is missing, make setup-test installs it: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- browser.Wait() }()
	defer func() {
		stop()
		if ended != nil {
			<-ended
		}
	}()
	select {
	case got := <-p.outcomes:
		return got
	case err := <-ended:
		ended = nil
		t.Fatalf("the browser ended: %v\n%s", errors.Join(err, ctx.Err()), said.String())
	}
	return outcome{}
}

// transcode puts a film into the store that browsers can play, in one rendition.
func (w *harness) transcode(f film) {
	w.Helper()
	dir := w.TempDir()
	seconds := clip.String()
	encode := exec.CommandContext(w.Context(), "ffmpeg", "-v", "error", "-nostdin",
		"-f", "lavfi", "-i", "testsrc2=s=640x360:r=25", "-f", "lavfi", "-i", "sine", "-t", strings.TrimSuffix(seconds, "s"),
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25", "-c:a", "aac",
		"-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4",
		"-hls_flags", "single_file", filepath.Join(dir, "index.m3u8"))
	if text, err := encode.CombinedOutput(); err != nil {
		w.Fatalf("ffmpeg: %v\n%s", err, text)
	}
	w.put(f.folder()+"/master.m3u8", []byte("#EXTM3U\n"+
		"#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360,CODECS=\"avc1.42c01e,mp4a.40.2\"\n360p/index.m3u8\n"))
	files, err := os.ReadDir(dir)
	if err != nil {
		w.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			w.Fatal(err)
		}
		w.put(f.folder()+"/360p/"+file.Name(), content)
	}
}

func (w *harness) put(key string, content []byte) {
	w.Helper()
	_, err := w.Media.Put(w.Context(), key, strings.NewReader(string(content)), int64(len(content)),
		"application/octet-stream")
	if err != nil {
		w.Fatal(err)
	}
}
