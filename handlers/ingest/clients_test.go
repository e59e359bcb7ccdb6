package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// The clients that people use upload the same file: Uppy in a browser, on a page of another
// origin; the AWS SDK for JavaScript; and curl.

// cached returns the path of a file in the cache of deploy/setup.sh.
func cached(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("CODEX_CACHE_DIR")
	if dir == "" {
		dir = filepath.Join(handlertest.Must(os.UserCacheDir())(t), "codex")
	}
	path := filepath.Join(dir, "clients", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the upload clients are missing, make setup-test installs them: %v", err)
	}
	return path
}

// script copies a script to where it finds the packages that it imports.
func script(t *testing.T, name string) (path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, name)
	content := handlertest.Must(os.ReadFile(filepath.Join("testdata", "clients", name)))(t)
	err := errors.Join(
		os.Symlink(cached(t, "node_modules"), filepath.Join(dir, "node_modules")),
		os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type": "module"}`), 0o600),
		os.WriteFile(path, content, 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a program and returns its output without the last line break.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*handlertest.Within)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, said.String())
	}
	return strings.TrimSpace(string(out))
}

// wantUploaded ends the test unless the upload of an item was completed with this file.
func wantUploaded(u user, id string, content []byte) {
	u.Helper()
	u.Eventually(1, `SELECT count(*) FROM media_items WHERE id::text = $1 AND status <> 'uploading'`, id)
	if got := u.MediaStatus(id); got == media.Failed {
		u.Fatalf("the file was rejected: %s", u.Ask(http.MethodGet, "/api/media/"+id, nil).Body)
	}
	wantStored(u, id, content)
}

func TestUppyUploadsFromAPageOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	content := large()
	page := newUploadPage(t, content)
	h := handlertest.New(t, handlertest.Options{})
	startPartsOn(h, page.URL)
	h.Install(func(cfg *edge.Config) {
		cfg.Wait = time.Minute
		cfg.WebOrigins = []string{page.URL}
	}, newModule(h, options{}))
	u := h.Uploader("creator")
	page.session.Store(u.ID)
	for _, by := range []string{"tus", "signed parts"} {
		t.Run(by, func(t *testing.T) {
			id := page.upload(t, url.Values{"api": {h.URL}, "by": {by}})
			wantUploaded(u.In(t), id, content)
		})
	}
}

func TestTheAWSSDKForJavaScriptUploadsInSignedParts(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := large()
	id := run(t, "node", script(t, "aws.js"), h.URL, handlertest.Cookie(u.ID), writeFilm(t, content))
	wantUploaded(u, id, content)
}

func TestCurlUploads(t *testing.T) {
	t.Parallel()
	h := newHarness(t, options{})
	u := h.Uploader("creator")
	content := large()
	film := writeFilm(t, content)
	curl := func(t *testing.T, args ...string) string {
		t.Helper()
		return run(t, "curl", append([]string{"--silent", "--show-error", "--fail-with-body"}, args...)...)
	}
	t.Run("to the presigned URL", func(t *testing.T) {
		u := u.In(t)
		id, address := u.Register("video/mp4", len(content))
		curl(t, "--upload-file", film, "--header", "Content-Type: video/mp4", address)
		u.Complete(id).Want(http.StatusOK, "")
		wantUploaded(u, id, content)
	})
	t.Run("by tus, in two halves", func(t *testing.T) {
		u := u.In(t)
		id, path := createTus(u, len(content))
		tus := []string{"--header", "Cookie: " + handlertest.Cookie(u.ID), "--header", "Tus-Resumable: 1.0.0"}
		patch := append(tus, "--request", "PATCH", "--header", "Content-Type: application/offset+octet-stream")
		half := len(content) / 2
		curl(t, append(patch, "--header", "Upload-Offset: 0", "--data-binary", "@"+writeFilm(t, content[:half]),
			h.URL+path)...)
		said := curl(t, append(tus, "--head", h.URL+path)...)
		if !strings.Contains(said, "Upload-Offset: "+strconv.Itoa(half)) {
			t.Fatalf("the upload is elsewhere: %s", said)
		}
		curl(t, append(patch, "--header", "Upload-Offset: "+strconv.Itoa(half), "--data-binary",
			"@"+writeFilm(t, content[half:]), h.URL+path)...)
		wantUploaded(u, id, content)
	})
}

func writeFilm(t *testing.T, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "film.mp4")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// uploadPage is a web app that uploads with Uppy.
type uploadPage struct {
	*httptest.Server
	// session is the user's, a string. Browsers send cookies to every port of a host.
	session  atomic.Value
	outcomes chan uploadOutcome
}

type uploadOutcome struct{ ID, Error string }

func newUploadPage(t *testing.T, film []byte) *uploadPage {
	t.Helper()
	entry := script(t, "uppy.js")
	bundle := entry + ".bundle"
	run(t, cached(t, "node_modules/.bin/esbuild"), entry, "--bundle", "--format=iife", "--log-level=error",
		"--outfile="+bundle)
	library := handlertest.Must(os.ReadFile(bundle))(t)
	p := &uploadPage{outcomes: make(chan uploadOutcome, 1)}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		session, _ := p.session.Load().(string)
		http.SetCookie(w, &http.Cookie{Name: "codex-session", Value: session, Path: "/", HttpOnly: true})
		_, _ = w.Write([]byte(`<!doctype html><title>Upload</title><script src="uppy.js" defer></script>`))
	})
	routes.HandleFunc("GET /uppy.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(library)
	})
	routes.HandleFunc("GET /film.mp4", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(film) })
	routes.HandleFunc("POST /outcome", func(_ http.ResponseWriter, r *http.Request) {
		var o uploadOutcome
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			o.Error = err.Error()
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

// upload opens the page in a browser and returns the id of the item that it uploaded.
func (p *uploadPage) upload(t *testing.T, query url.Values) (id string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 4*handlertest.Within)
	browser := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run", "--user-data-dir="+t.TempDir(), p.URL+"/?"+query.Encode())
	browser.Cancel = func() error { return browser.Process.Signal(os.Interrupt) }
	browser.WaitDelay = 10 * time.Second
	if err := browser.Start(); err != nil {
		stop()
		t.Fatalf("chromium is missing, make setup-test installs it: %v", err)
	}
	defer func() { _ = browser.Wait() }()
	defer stop()
	select {
	case got := <-p.outcomes:
		if got.Error != "" {
			t.Fatal(got.Error)
		}
		return got.ID
	case <-ctx.Done():
		t.Fatal("the page did not finish")
	}
	return ""
}
