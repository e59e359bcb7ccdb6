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
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// clip is how long the film is that browsers play.
const clip = 8 * time.Second

var (
	//go:embed testdata/player.html
	playerPage []byte
	//go:embed testdata/sync.html
	syncPage []byte
)

// outcome is what the page of a player reports.
type outcome struct {
	What     string   `json:"what"`
	Failures []string `json:"failures"`
	// Shown are the captions that were shown.
	Shown        []string `json:"shown"`
	At, Duration float64
	// Pictures are the widths of the renditions that were played, Seeks the positions from which it
	// was played on.
	Pictures []int
	Seeks    []float64
	// Delays are by how many milliseconds the sound of each stream follows its picture.
	Delays []float64
}

// Browsers follow the redirects of segments, with their ranges, from a page of another
// origin: the web app's, which is neither the edge's nor the store's.
func TestBrowserPlaysAFilmToItsEnd(t *testing.T) {
	t.Parallel()
	page := newPlayerPage(t)
	w := newHarness(t, options{readOnly: true, web: page.URL})
	f := w.film("")
	made := w.transcode(f, "-f lavfi -i testsrc2=s=1024x576:r=25:d="+strconv.Itoa(int(clip.Seconds()))+
		" -f lavfi -i sine -shortest -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac")
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
			if player == "native" {
				return
			}
			if !slices.Equal(got.Shown, []string{"Hello"}) {
				t.Errorf("captions shown: %q", got.Shown)
			}
			if len(got.Pictures) < 2 || len(got.Pictures) != len(made.ReadyVariants) || len(got.Seeks) != 5 {
				t.Errorf("of %v played %v, and from %v", made.ReadyVariants, got.Pictures, got.Seeks)
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
	routes.HandleFunc("GET /sync", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(syncPage) })
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
	return p.open(t, "/?"+url.Values{"player": {player}, "stream": {stream}}.Encode())
}

// open opens a page in a browser and returns what it reports.
func (p *playing) open(t *testing.T, address string) outcome {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 4*handlertest.Within)
	defer stop()
	browser := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run", "--autoplay-policy=no-user-gesture-required",
		"--user-data-dir="+t.TempDir(), p.URL+address)
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

// transcode puts what the product makes of a source, which ffmpeg generates, into the store.
func (w *harness) transcode(f film, source string) ffmpeg.Result {
	w.Helper()
	dir := w.TempDir()
	input, out := filepath.Join(dir, "source.mov"), filepath.Join(dir, "out")
	args := append([]string{"-v", "error", "-nostdin"}, strings.Fields(source)...)
	if text, err := exec.CommandContext(w.Context(), "ffmpeg", append(args, input)...).CombinedOutput(); err != nil {
		w.Fatalf("ffmpeg: %v\n%s", err, text)
	}
	tool, err := ffmpeg.New(ffmpeg.Config{Threads: 2})
	if err != nil {
		w.Fatal(err)
	}
	made, err := tool.Transcode(w.Context(), ffmpeg.Job{Input: input, MIME: "video/quicktime", OutDir: out})
	if err != nil {
		w.Fatal(err)
	}
	for _, file := range made.Files {
		content, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(file.Rel)))
		if err != nil {
			w.Fatal(err)
		}
		w.put(f.folder()+"/"+file.Rel, content)
	}
	return made
}

func (w *harness) put(key string, content []byte) {
	w.Helper()
	_, err := w.Media.Put(w.Context(), key, strings.NewReader(string(content)), int64(len(content)),
		"application/octet-stream")
	if err != nil {
		w.Fatal(err)
	}
}
