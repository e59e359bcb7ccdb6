package streaming

import (
	"context"
	"errors"
	"net/http"
	"path"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access/hls"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

// The parameters of playlists. They have no limits here: a text that cannot be a token or
// a variant gets the same plain response as a wrong one.
var (
	tokenParam   = edge.Param{Name: "token", Doc: "the token of the stream's URL"}
	variantParam = edge.Param{Name: "variant", Doc: "the name of a rendition in the master playlist, for example 720p"}
)

// playlistRoutes declares the playlists of a stream. Access is decided again whenever one
// is fetched, and with the files that they name (files.go), so a refund, the end of a
// membership, of a session or of an account ends playback.
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

// master serves the master playlist; the URLs of its renditions lead back here.
func (s *streaming) master(c *edge.Request) {
	s.playlist(c, "", func(p played, text string) (string, error) {
		id, viewer := c.UUID("id"), c.Text("token")
		return hls.Master(text, func(variant string) (string, error) {
			return s.fileURL(id, "hls/"+hls.VariantPlaylist(variant), viewer), nil
		}, s.subtitlesOf(id, p, viewer)...)
	})
}

// variant serves the playlist of one rendition; the URLs of its segments lead back here.
func (s *streaming) variant(c *edge.Request) {
	variant := c.Text("variant")
	if !hls.IsVariant(variant) {
		s.fail(c, http.StatusNotFound, "playlist not found")
		return
	}
	s.media(c, variant, hls.VariantPlaylist(variant))
}

// preview serves the playlist of the preview.
func (s *streaming) preview(c *edge.Request) { s.media(c, hls.PreviewName, hls.PreviewPlaylist) }

func (s *streaming) media(c *edge.Request, folder, playlist string) {
	s.playlist(c, playlist, func(_ played, text string) (string, error) {
		return hls.Media(text, func(name string) (string, error) {
			return s.fileURL(c.UUID("id"), "hls/"+folder+"/"+name, c.Text("token")), nil
		})
	})
}

// playlist serves one playlist of an item: it checks the token, decides about access, reads
// the playlist from the store, and lets rewrite insert the viewer's URLs. name is the
// playlist's path from the master's folder, empty for the master, with which playing
// begins. Players show no error bodies; they are plain text.
func (s *streaming) playlist(c *edge.Request, name string, rewrite func(played, string) (string, error)) {
	claims, err := s.claims(c)
	if err == nil && name == "" && !claims.MayBegin(s.cfg.Now()) {
		err = errNoAdmission
	}
	var p played
	if err == nil {
		p, err = s.admit(c, claims)
	}
	var written []byte
	if err == nil {
		key := p.master
		if name != "" {
			key = path.Join(path.Dir(p.master), name)
		}
		written, err = s.cfg.Objects.Read(c, key, s3.Range{}, "", hls.MaxBytes)
	}
	if err != nil {
		s.refuse(c, err, "playlist not found")
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

// refuse responds to a request for a playlist or a file that cannot be served.
func (s *streaming) refuse(c *edge.Request, err error, missing string) {
	switch {
	case errors.Is(err, errNoAdmission):
		s.fail(c, http.StatusForbidden, "no access")
	case errors.Is(err, s3.ErrNotFound):
		s.fail(c, http.StatusNotFound, missing)
	default:
		s.log(c, err)
		c.Header("Retry-After", "1")
		s.fail(c, http.StatusServiceUnavailable, "try again in a moment")
	}
}

// errNoAdmission is the error of a bad token and of denied access.
var errNoAdmission = errors.New("no access")

// claims returns the claims of the request's token, which must be of a stream of its item.
// Otherwise the error is errNoAdmission.
func (s *streaming) claims(c *edge.Request) (token.Claims, error) {
	claims, err := s.openToken(c)
	if err != nil || claims.DownloadID != "" {
		return token.Claims{}, errNoAdmission
	}
	return claims, nil
}

// openToken returns the claims of the request's token, which must be for its item. Otherwise
// the error is errNoAdmission.
func (s *streaming) openToken(c *edge.Request) (token.Claims, error) {
	claims, err := s.cfg.Tokens.Open(c.Text("token"), s.cfg.Now())
	if err != nil || claims.ContentID != c.UUID("id") {
		return token.Claims{}, errNoAdmission
	}
	return claims, nil
}

// admit decides about access for the user of a token, and returns what is played. A token
// for other media than the item has now or had when it was signed, or of a session that ended
// is bad: errNoAdmission. Media that cannot be played counts as missing: s3.ErrNotFound.
func (s *streaming) admit(ctx context.Context, claims token.Claims) (played, error) {
	var p played
	var signedIn bool
	session := func(b *pgx.Batch) {
		postgres.QueueSession(b, claims.SessionID, claims.UserID, s.cfg.Now().UTC(), &signedIn)
	}
	q := postgres.Question{UserID: claims.UserID, ContentID: claims.ContentID}
	item := queueMedia(claims.ContentID, claims.MediaID, s.cfg.Now().Add(-tokenLife), &p)
	verdict, err := s.decide(ctx, q, item, session)
	switch {
	case err != nil:
		return played{}, err
	case !verdict.Allowed, !signedIn, p.mediaID != claims.MediaID, p.creatorID != claims.CreatorID:
		return played{}, errNoAdmission
	case !p.ready():
		return played{}, s3.ErrNotFound
	}
	return p, nil
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
