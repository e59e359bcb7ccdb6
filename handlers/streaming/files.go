package streaming

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/codex-platform/codex/domain/access/hls"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

// How soon playing ends when access does: an edge decides again after admissionLife, and
// the last URL of the store that it gave dies after fileURLLife. Together they are less
// than a minute.
const (
	admissionLife = 5 * time.Second
	fileURLLife   = 50 * time.Second
	// playLife is how long what was begun may go on without a new stream: a long film with
	// its pauses.
	playLife = 24 * time.Hour
	// tokenLife is the longest life of a token. For as long the media that an item had before is
	// played on by who began with it.
	tokenLife     = playLife + maxStream*time.Second
	decideTimeout = 5 * time.Second
	// remembered is how many admissions, and how many URLs of the store, an edge keeps.
	remembered = 10_000
)

// fileRoutes declares the files of a stream: segments, and the waveform. Players read the
// playlist of a finished recording only once, so the URLs in it must go on working for as
// long as the film is watched, and no longer than the viewer has access. They lead here, where
// access is decided again, and from here to a URL of the store that lives for less than a
// minute.
func (s *streaming) fileRoutes() []edge.Route {
	route := func(path, name, summary string, key func(*edge.Request, played) string, more ...edge.Param) edge.Route {
		return edge.Route{
			Method:  "GET",
			Path:    "/api/access/content/:id/" + path,
			Name:    name,
			Summary: summary,
			Notes: "Takes the token of the stream's URL and redirects to the object store, for this file and less than a " +
				"minute. Access is decided again every few seconds. The token works for 24 hours, for as long as the " +
				"session is valid and the viewer has access. Errors are plain text: 403 for a bad or expired token and " +
				"for denied access, 404 for a missing file.",
			Auth:   edge.PlaybackToken,
			Limit:  edge.LimitFiles,
			Params: append(more, tokenParam),
			Responses: []edge.Response{{
				Status: http.StatusFound,
				Doc:    "The file is at Location",
			}},
			Handle: func(c *edge.Request) error {
				s.file(c, key)
				return nil
			},
		}
	}
	return []edge.Route{
		route("hls/:variant/:file", "getSegment", "Get a file of a rendition", segmentKey, variantParam, fileParam),
		route("waveform.json", "getWaveform", "Get the waveform", waveformKey),
		route("waveform-overview.json", "getWaveformOverview", "Get the waveform in few points", overviewKey),
		route("storyboard/:picture", "getStoryboardPicture", "Get pictures of the storyboard", spriteKey, spriteParam),
	}
}

var fileParam = edge.Param{Name: "file", Doc: "the name of a segment, from the rendition's playlist"}

// segmentKey returns the key of a rendition's file, "" when there can be none.
func segmentKey(c *edge.Request, p played) string {
	folder, file := c.Text("variant"), c.Text("file")
	if folder != hls.PreviewName && !hls.IsVariant(folder) || !hls.IsFile(file) || strings.HasSuffix(file, ".m3u8") {
		return ""
	}
	return path.Join(path.Dir(p.master), folder, file)
}

func waveformKey(_ *edge.Request, p played) string {
	if !media.SafeKey(p.waveform) {
		return ""
	}
	return p.waveform
}

func overviewKey(_ *edge.Request, p played) string {
	if !media.SafeKey(p.overview) {
		return ""
	}
	return p.overview
}

// fileURL returns the URL of a file here.
func (s *streaming) fileURL(contentID, file, text string) string {
	return s.cfg.PublicURL + "/api/access/content/" + contentID + "/" + file + "?token=" + url.QueryEscape(text)
}

// file redirects to a file of an item in the store.
func (s *streaming) file(c *edge.Request, keyOf func(*edge.Request, played) string) {
	claims, err := s.claims(c)
	var p played
	if err == nil {
		p, err = s.admitted(c, claims)
	}
	var address string
	if err == nil {
		err = s3.ErrNotFound
		if key := keyOf(c, p); key != "" {
			address, err = s.files.url(c, s.cfg.Objects, key, s.cfg.Now())
		}
	}
	if err != nil {
		s.refuse(c, err, "file not found")
		return
	}
	noStore(c)
	c.Header("Location", address)
	c.Status(http.StatusFound)
}

// admitted is admit, remembered for a few seconds.
func (s *streaming) admitted(c *edge.Request, claims token.Claims) (played, error) {
	return s.files.admitted(c.Text("token"), s.cfg.Now, func() (played, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c), decideTimeout) // for all who wait
		defer cancel()
		return s.admit(ctx, claims)
	})
}

// files remembers for a few seconds who may play what, and the URLs of the store, so that
// neither the database nor a signature is needed for each segment.
type files struct {
	deciding singleflight.Group
	// admissions are by token, urls by key.
	admissions *lru.Cache[string, admission]
	urls       *lru.Cache[string, fileURL]
}

type admission struct {
	media   played
	decided time.Time
}

type fileURL struct {
	address string
	signed  time.Time
}

func newFiles() *files {
	admissions, err := lru.New[string, admission](remembered)
	if err != nil {
		panic(err) // a negative size
	}
	urls, err := lru.New[string, fileURL](remembered)
	if err != nil {
		panic(err)
	}
	return &files{admissions: admissions, urls: urls}
}

// admitted returns the media of a valid token that was admitted at most admissionLife ago,
// or what decide says now. Requests with one token that come together are decided once.
// Only admissions are remembered: who buys an item plays it at once.
func (f *files) admitted(text string, now func() time.Time, decide func() (played, error)) (played, error) {
	if a, ok := f.admissions.Get(text); ok && now().Sub(a.decided) < admissionLife {
		return a.media, nil
	}
	decided, err, _ := f.deciding.Do(text, func() (any, error) {
		began := now()
		p, err := decide()
		if err == nil {
			f.admissions.Add(text, admission{p, began})
		}
		return p, err
	})
	if err != nil {
		return played{}, err
	}
	return decided.(played), nil
}

// url returns a URL of the store that was signed at most admissionLife ago.
func (f *files) url(ctx context.Context, objects Objects, key string, now time.Time) (string, error) {
	if known, ok := f.urls.Get(key); ok && now.Sub(known.signed) < admissionLife {
		return known.address, nil
	}
	address, err := objects.PresignGet(ctx, key, fileURLLife)
	if err != nil {
		return "", err
	}
	f.urls.Add(key, fileURL{address, now})
	return address, nil
}
