package streaming

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/hls"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

const (
	// The life of a stream token, in seconds.
	minStream, maxStream, defaultStream = 300, 7200, 600
	// minAddress is the shortest life of an address in the store: long enough to fetch
	// a segment with a token that is about to end.
	minAddress = time.Minute
)

// Streams are addresses and the playlists behind them.
//
// The address carries a token that says who plays which media until when. It opens
// nothing by itself: access is decided again whenever a playlist is fetched, so a
// refund, a removal, a sign-out or the end of an account ends playback with the next
// playlist. What was given out before are addresses of single files, and they end
// with the token: players read the playlist of a finished recording only once, so
// one that ends earlier would stop the film.

// played is what streaming needs to know of the media behind an item.
type played struct {
	contentType string
	mediaID     string // empty when there is none
	creatorID   string
	status      string
	master      string
	waveform    string
	variants    []string
	text        *string // of written content
}

// queuePlayed queues the read of the media behind an item.
func queuePlayed(contentID string, p *played) func(*pgx.Batch) {
	return func(b *pgx.Batch) {
		b.Queue(`
SELECT c.content_type, COALESCE(m.id::text, ''), COALESCE(m.creator_id, ''), COALESCE(m.status, ''),
       COALESCE(m.hls_master_playlist_key, ''), COALESCE(m.waveform_key, ''), m.ready_variants,
       CASE c.content_type WHEN 'written' THEN c.content_body END
FROM content c LEFT JOIN media_items m ON m.id = c.media_item_id AND m.deleted_at IS NULL WHERE c.id = $1`, contentID).
			QueryRow(func(row pgx.Row) error {
				err := row.Scan(&p.contentType, &p.mediaID, &p.creatorID, &p.status, &p.master, &p.waveform, &p.variants, &p.text)
				if errors.Is(err, pgx.ErrNoRows) {
					return nil
				}
				return err
			})
	}
}

func (p played) ready() bool {
	return p.mediaID != "" && p.status == string(media.Ready) && media.SafeKey(p.master)
}

// streamRoutes declares the stream and its playlists.
func (s *streaming) streamRoutes() []edge.Route {
	playlist := func(path, name, summary string, handle func(*edge.Request), more ...edge.Param) edge.Route {
		return edge.Route{
			Method: "GET", Path: "/api/access/content/:id/hls/" + path, Name: name, Summary: summary,
			Notes: "Takes the token that the stream's address carries, and decides about access again. Refusals are plain text: " +
				"403 for a token that is bad or over and for access that ended, 404 for a playlist that is not there.",
			Auth: edge.PlaybackToken, Limit: edge.LimitStreaming, Params: append(more, tokenParam),
			Responses: []edge.Response{{Status: http.StatusOK, Body: "", Type: hls.ContentType, Doc: "The playlist, for this viewer"}},
			Handle: func(c *edge.Request) error {
				handle(c)
				return nil
			},
		}
	}
	return []edge.Route{
		{
			Method: "GET", Path: "/api/access/content/:id/stream", Name: "getStream", Summary: "Get what a player needs to play an item",
			Notes: "The address opens the item for the caller and nothing else, as long as they may see it and their session lasts, until expiresAt. " +
				"Written content has no addresses; its text is in the answer.",
			Auth: edge.Session(), Limit: edge.LimitStreaming,
			Params:    []edge.Param{edge.IntParam("expirySeconds", minStream, maxStream, defaultStream)},
			Responses: []edge.Response{edge.Data[Stream](http.StatusOK)},
			Errors:    []*domain.Error{access.ErrContentNotFound, access.ErrDenied, access.ErrMediaNotReady, access.ErrSigning},
			Handle:    s.stream,
		},
		playlist("master.m3u8", "getMasterPlaylist", "The renditions of an item", s.master),
		playlist(":variant/index.m3u8", "getVariantPlaylist", "The segments of one rendition", s.variant, variantParam),
		playlist(hls.PreviewPlaylist, "getPreviewPlaylist", "The segments of the preview", s.preview),
	}
}

// A text that cannot be a token or a variant gets the plain answer of one that is
// wrong, so these have no limits here.
var (
	tokenParam   = edge.Param{Name: "token", Doc: "the token of the stream's address"}
	variantParam = edge.Param{Name: "variant", Doc: "1080p, 720p, 480p, 360p, source, audio, 128k or 64k"}
)

// stream answers with the address of an item's master playlist.
func (s *streaming) stream(c *edge.Request) error {
	life := time.Duration(c.Int("expirySeconds")) * time.Second
	answer, err := s.address(c, c.Actor(), c.UUID("id"), life)
	if errors.Is(err, access.ErrSigning) {
		s.log(c, err)
	}
	if err != nil {
		return err
	}
	return c.OK(answer)
}

func (s *streaming) address(ctx context.Context, actor *edge.Actor, contentID string, life time.Duration) (Stream, error) {
	var p played
	verdict, err := s.decide(ctx, postgres.Question{UserID: actor.UserID, ContentID: contentID}, queuePlayed(contentID, &p))
	if err == nil {
		err = verdict.Err()
	}
	if err != nil {
		return Stream{}, err
	}
	expires := s.cfg.Now().UTC().Add(life).Truncate(time.Second)
	answer := Stream{ExpiresAt: expires, ContentType: p.contentType}
	if p.contentType == "written" {
		answer.ContentBody = p.text
		return answer, nil
	}
	if !p.ready() {
		return Stream{}, access.ErrMediaNotReady
	}
	text, err := s.cfg.Tokens.Sign(token.Claims{
		UserID: actor.UserID, ContentID: contentID, SessionID: actor.SessionID, CreatorID: p.creatorID, MediaID: p.mediaID, Expires: expires.Unix(),
	})
	if err != nil {
		return Stream{}, err
	}
	master := s.proxy(contentID, "master.m3u8", text)
	answer.StreamingURL = &master
	answer.ReadyVariants = slices.DeleteFunc(p.variants, func(v string) bool { return !hls.IsVariant(v) })
	if media.SafeKey(p.waveform) {
		waveform, err := s.cfg.Objects.PresignGet(ctx, p.waveform, life)
		if err != nil {
			return Stream{}, fmt.Errorf("%w: %w", access.ErrSigning, err)
		}
		answer.WaveformURL = &waveform
	}
	return answer, nil
}

// proxy returns the address of a playlist.
func (s *streaming) proxy(contentID, playlist, text string) string {
	return s.cfg.PublicURL + "/api/access/content/" + contentID + "/hls/" + playlist + "?token=" + url.QueryEscape(text)
}

// master serves the master playlist, its renditions pointing back here.
func (s *streaming) master(c *edge.Request) {
	s.playlist(c, "", func(p play, text string) (string, error) {
		return hls.Master(text, func(variant string) (string, error) {
			return s.proxy(p.claims.ContentID, hls.VariantPlaylist(variant), p.token), nil
		})
	})
}

// variant serves the playlist of one rendition, its segments pointing to the store.
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

// play is one admitted request for a playlist.
type play struct {
	claims token.Claims
	token  string
	// key is the playlist's in the store.
	key string
	// life is how long addresses in the store may live.
	life time.Duration
}

// playlist serves one playlist of an item: it checks the token, decides about
// access, reads what the transcoder wrote, and lets rewrite make it the viewer's.
// name is the playlist's path from the master's folder, empty for the master.
// Players show no error bodies; they are plain text.
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

// errNoAdmission says that a playlist is not for who asks.
var errNoAdmission = errors.New("no access")

// admit checks the token and decides about access for the user that it names. A
// token for other media than the item has now, for another item, or of a session that
// is over, is a bad one: errNoAdmission. Media that cannot be played is as good as
// none: s3.ErrNotFound.
func (s *streaming) admit(c *edge.Request, name string) (play, error) {
	now, text := s.cfg.Now(), c.Text("token")
	claims, err := s.cfg.Tokens.Open(text, now)
	if err != nil || claims.ContentID != c.UUID("id") {
		return play{}, errNoAdmission
	}
	var m played
	var signedIn bool
	verdict, err := s.decide(c, postgres.Question{UserID: claims.UserID, ContentID: claims.ContentID},
		queuePlayed(claims.ContentID, &m),
		func(b *pgx.Batch) { postgres.QueueSession(b, claims.SessionID, claims.UserID, now.UTC(), &signedIn) })
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
	return play{claims: claims, token: text, key: key, life: max(claims.Left(now), minAddress)}, nil
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
