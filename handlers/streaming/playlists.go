package streaming

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access/hls"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

// minURLLife is the shortest life of a URL of the store: long enough to fetch a segment
// with a token that is about to expire.
const minURLLife = time.Minute

// The parameters of playlists. They have no limits here: a text that cannot be a token or
// a variant gets the same plain response as a wrong one.
var (
	tokenParam   = edge.Param{Name: "token", Doc: "the token of the stream's URL"}
	variantParam = edge.Param{Name: "variant", Doc: "1080p, 720p, 480p, 360p, source, audio, 128k or 64k"}
)

// playlistRoutes declares the playlists of a stream. Access is decided again whenever one
// is fetched, so a refund, the end of a membership, of a session or of an account ends
// playback with the next playlist. What a playlist contains are URLs of single files,
// which expire with the token and not earlier: players read the playlist of a finished
// recording only once.
func (s *streaming) playlistRoutes() []edge.Route {
	route := func(path, name, summary string, handle func(*edge.Request), more ...edge.Param) edge.Route {
		return edge.Route{
			Method:  "GET",
			Path:    "/api/access/content/:id/hls/" + path,
			Name:    name,
			Summary: summary,
			Notes: "Takes the token of the stream's URL and decides about access again. Errors are plain text: " +
				"403 for a bad or expired token and for denied access, 404 for a missing playlist.",
			Auth:   edge.PlaybackToken,
			Limit:  edge.LimitStreaming,
			Params: append(more, tokenParam),
			Responses: []edge.Response{{
				Status: http.StatusOK,
				Body:   "",
				Type:   hls.ContentType,
				Doc:    "The playlist, for this viewer",
			}},
			Handle: func(c *edge.Request) error {
				handle(c)
				return nil
			},
		}
	}
	return []edge.Route{
		route("master.m3u8", "getMasterPlaylist", "Get the master playlist", s.master),
		route(":variant/index.m3u8", "getVariantPlaylist", "Get the playlist of a rendition", s.variant, variantParam),
		route(hls.PreviewPlaylist, "getPreviewPlaylist", "Get the playlist of the preview", s.preview),
	}
}

// playlistURL returns the URL of a playlist here.
func (s *streaming) playlistURL(contentID, playlist, text string) string {
	path := "/api/access/content/" + contentID + "/hls/" + playlist
	return s.cfg.PublicURL + path + "?token=" + url.QueryEscape(text)
}

// master serves the master playlist; the URLs of its renditions lead back here.
func (s *streaming) master(c *edge.Request) {
	s.playlist(c, "", func(p play, text string) (string, error) {
		return hls.Master(text, func(variant string) (string, error) {
			return s.playlistURL(p.claims.ContentID, hls.VariantPlaylist(variant), p.token), nil
		})
	})
}

// variant serves the playlist of one rendition; the URLs of its segments lead to the store.
func (s *streaming) variant(c *edge.Request) {
	variant := c.Text("variant")
	if !hls.IsVariant(variant) {
		s.fail(c, http.StatusNotFound, "playlist not found")
		return
	}
	s.media(c, hls.VariantPlaylist(variant))
}

// preview serves the playlist of the preview.
func (s *streaming) preview(c *edge.Request) { s.media(c, hls.PreviewPlaylist) }

func (s *streaming) media(c *edge.Request, playlist string) {
	s.playlist(c, playlist, func(p play, text string) (string, error) {
		folder := path.Dir(p.key)
		return hls.Media(text, func(name string) (string, error) {
			return s.cfg.Objects.PresignGet(c, path.Join(folder, name), p.life)
		})
	})
}

// play is an admitted request for a playlist.
type play struct {
	claims token.Claims
	token  string
	// key is the playlist's in the store.
	key string
	// life is how long URLs of the store may live.
	life time.Duration
}

// playlist serves one playlist of an item: it checks the token, decides about access, reads
// the playlist from the store, and lets rewrite insert the viewer's URLs. name is the
// playlist's path from the master's folder, empty for the master. Players show no error
// bodies; they are plain text.
func (s *streaming) playlist(c *edge.Request, name string, rewrite func(p play, text string) (string, error)) {
	p, err := s.admit(c, name)
	var written []byte
	if err == nil {
		written, err = s.cfg.Objects.Read(c, p.key, s3.Range{}, "", hls.MaxBytes)
	}
	switch {
	case errors.Is(err, errNoAdmission):
		s.fail(c, http.StatusForbidden, "no access")
		return
	case errors.Is(err, s3.ErrNotFound):
		s.fail(c, http.StatusNotFound, "playlist not found")
		return
	case err != nil:
		s.log(c, err)
		c.Header("Retry-After", "1")
		s.fail(c, http.StatusServiceUnavailable, "try again in a moment")
		return
	}

	text, err := rewrite(p, string(written))
	switch {
	case errors.Is(err, hls.ErrUnusable):
		s.log(c, err)
		s.fail(c, http.StatusNotFound, "playlist not usable")
	case err != nil:
		s.log(c, err)
		s.fail(c, http.StatusInternalServerError, "something went wrong on our side")
	default:
		noStore(c)
		c.Data(http.StatusOK, hls.ContentType, []byte(text))
	}
}

// errNoAdmission is the error of a bad token and of denied access.
var errNoAdmission = errors.New("no access")

// admit checks the token and decides about access for its user. A token for another item,
// for other media than the item has now, or of a session that ended is bad:
// errNoAdmission. Media that cannot be played counts as missing: s3.ErrNotFound.
func (s *streaming) admit(c *edge.Request, name string) (play, error) {
	now, text := s.cfg.Now(), c.Text("token")
	claims, err := s.cfg.Tokens.Open(text, now)
	if err != nil || claims.ContentID != c.UUID("id") {
		return play{}, errNoAdmission
	}
	var m played
	var signedIn bool
	session := func(b *pgx.Batch) {
		postgres.QueueSession(b, claims.SessionID, claims.UserID, now.UTC(), &signedIn)
	}
	q := postgres.Question{UserID: claims.UserID, ContentID: claims.ContentID}
	verdict, err := s.decide(c, q, queuePlayed(claims.ContentID, &m), session)
	switch {
	case err != nil:
		return play{}, err
	case !verdict.Allowed, !signedIn, m.mediaID != claims.MediaID, m.creatorID != claims.CreatorID:
		return play{}, errNoAdmission
	case !m.ready():
		return play{}, s3.ErrNotFound
	}
	key := m.master
	if name != "" {
		key = path.Join(path.Dir(m.master), name)
	}
	return play{claims: claims, token: text, key: key, life: max(claims.Left(now), minURLLife)}, nil
}

func (s *streaming) log(c *edge.Request, err error) {
	c.Log().WarnContext(c, "stream not served", "route", c.FullPath(), "content", c.Param("id"),
		"request", c.ID(), "error", err)
}

func (s *streaming) fail(c *edge.Request, status int, text string) {
	noStore(c)
	c.Data(status, "text/plain; charset=utf-8", []byte(text+"\n"))
	c.Abort()
}

func noStore(c *edge.Request) { c.Header("Cache-Control", "private, no-store") }
