package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access/hls"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/token"
	identity "github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/wire"
)

const (
	// The life of a stream token, in seconds.
	minStream, maxStream, defaultStream = 300, 7200, 600
	// An address in the store lives as long as the token, within these bounds: long
	// enough to fetch a segment, and never longer after a refund than ten minutes.
	minAddress, maxAddress = time.Minute, 10 * time.Minute
	// playlistsPerMinute bounds how many playlists one network address fetches; in
	// development, where many clients share an address, a hundred times as many.
	playlistsPerMinute = 60
)

var errStreamNotReady = &domain.Error{
	Class: domain.Rule, Code: "MEDIA_NOT_READY", Reason: "MEDIA_NOT_READY", Message: "The media item is not ready to be played",
}

// streams issues stream addresses and serves the playlists behind them.
//
// The address carries a token that says who plays which media until when. It opens
// nothing by itself: access is decided again whenever a playlist is fetched, so a
// refund ends playback with the next playlist and the addresses of segments that
// were given out run for ten minutes at most.
type streams struct {
	edge    *Edge
	objects StreamObjects
	tokens  *token.Keys
}

// played is what streaming needs to know of the media behind an item.
type played struct {
	contentType string
	mediaID     string // empty when there is none
	creatorID   string
	status      string
	master      string
	waveform    string
	variants    []string
}

// queuePlayed queues the read of the media behind an item.
func queuePlayed(contentID string, p *played) func(*pgx.Batch) {
	return func(b *pgx.Batch) {
		b.Queue(`
SELECT c.content_type, COALESCE(m.id::text, ''), COALESCE(m.creator_id, ''), COALESCE(m.status, ''),
       COALESCE(m.hls_master_playlist_key, ''), COALESCE(m.waveform_key, ''), m.ready_variants
FROM content c LEFT JOIN media_items m ON m.id = c.media_item_id AND m.deleted_at IS NULL WHERE c.id = $1`, contentID).
			QueryRow(func(row pgx.Row) error {
				err := row.Scan(&p.contentType, &p.mediaID, &p.creatorID, &p.status, &p.master, &p.waveform, &p.variants)
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

// stream answers with the address of an item's master playlist.
func (s streams) stream(c *gin.Context) {
	id, err := pathID(c)
	if err != nil {
		s.edge.refuse(c, err)
		return
	}
	q := newQuery(c)
	life := time.Duration(q.integer("expirySeconds", minStream, maxStream, defaultStream)) * time.Second
	if err := q.err(); err != nil {
		s.edge.refuse(c, err)
		return
	}
	answer, err := s.address(c, postgres.Question{UserID: mustActor(c).UserID, ContentID: id}, life)
	if err != nil {
		s.edge.refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, wire.Single{Data: answer})
}

func (s streams) address(ctx context.Context, q postgres.Question, life time.Duration) (wire.Stream, error) {
	var p played
	verdict, _, err := s.edge.decide(ctx, q, queuePlayed(q.ContentID, &p))
	if err == nil {
		err = verdict.Err()
	}
	if err != nil {
		return wire.Stream{}, err
	}
	expires := s.edge.cfg.Now().UTC().Add(life).Truncate(time.Second)
	answer := wire.Stream{ExpiresAt: expires, ContentType: p.contentType}
	if p.contentType == "written" {
		return answer, nil
	}
	if !p.ready() {
		return wire.Stream{}, errStreamNotReady
	}
	text, err := s.tokens.Sign(token.Claims{
		UserID: q.UserID, ContentID: q.ContentID, CreatorID: p.creatorID, MediaID: p.mediaID, Expires: expires.Unix(),
	})
	if err != nil {
		return wire.Stream{}, err
	}
	master := s.proxy(q.ContentID, "master.m3u8", text)
	answer.StreamingURL, answer.ReadyVariants = &master, p.variants
	if media.SafeKey(p.waveform) {
		waveform, err := s.objects.PresignGet(ctx, p.waveform, addressLife(life))
		if err != nil {
			return wire.Stream{}, fmt.Errorf("sign the waveform's address: %w", err)
		}
		answer.WaveformURL = &waveform
	}
	return answer, nil
}

// proxy returns the address of a playlist.
func (s streams) proxy(contentID, playlist, text string) string {
	return s.edge.cfg.PublicURL + "/api/access/content/" + contentID + "/hls/" + playlist + "?token=" + url.QueryEscape(text)
}

// addressLife bounds the life of an address in the store.
func addressLife(left time.Duration) time.Duration {
	return min(max(left, minAddress), maxAddress)
}

// master serves the master playlist, its renditions pointing back here.
func (s streams) master(c *gin.Context) {
	s.playlist(c, "", func(p play, text string) (string, error) {
		return hls.Master(text, func(variant string) (string, error) {
			return s.proxy(p.claims.ContentID, hls.VariantPlaylist(variant), p.token), nil
		})
	})
}

// variant serves the playlist of one rendition, its segments pointing to the store.
func (s streams) variant(c *gin.Context) {
	variant := c.Param("variant")
	if !hls.IsVariant(variant) {
		s.fail(c, http.StatusNotFound, "playlist not found")
		return
	}
	s.media(c, hls.VariantPlaylist(variant))
}

// preview serves the playlist of the preview.
func (s streams) preview(c *gin.Context) { s.media(c, hls.PreviewPlaylist) }

func (s streams) media(c *gin.Context, playlist string) {
	s.playlist(c, playlist, func(p play, text string) (string, error) {
		folder := path.Dir(p.key)
		return hls.Media(text, func(name string) (string, error) {
			return s.objects.PresignGet(c, path.Join(folder, name), p.life)
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
func (s streams) playlist(c *gin.Context, name string, rewrite func(p play, text string) (string, error)) {
	p, err := s.admit(c, name)
	var written []byte
	if err == nil {
		written, err = s.objects.Read(c, p.key, s3.Range{}, "", hls.MaxBytes)
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
// token for other media than the item has now, or for another item, is a bad one:
// errNoAdmission. Media that cannot be played is as good as none: s3.ErrNotFound.
func (s streams) admit(c *gin.Context, name string) (play, error) {
	now, text := s.edge.cfg.Now(), c.Query("token")
	claims, err := s.tokens.Open(text, now)
	if err != nil || claims.ContentID != strings.ToLower(c.Param("id")) {
		return play{}, errNoAdmission
	}
	var m played
	verdict, _, err := s.edge.decide(c, postgres.Question{UserID: claims.UserID, ContentID: claims.ContentID}, queuePlayed(claims.ContentID, &m))
	switch {
	case err != nil:
		return play{}, err
	case !verdict.Allowed, m.mediaID != claims.MediaID, m.creatorID != claims.CreatorID:
		return play{}, errNoAdmission
	case !m.ready():
		return play{}, s3.ErrNotFound
	}
	key := m.master
	if name != "" {
		key = path.Join(path.Dir(m.master), name)
	}
	return play{claims: claims, token: text, key: key, life: addressLife(claims.Left(now))}, nil
}

// perAddress limits how many playlists one network address fetches.
func (s streams) perAddress(c *gin.Context) {
	most, now := playlistsPerMinute, s.edge.cfg.Now().UTC()
	if s.edge.cfg.Development {
		most *= 100
	}
	hits, end, err := identity.Hit(c, s.edge.cfg.Pool, identity.LimitKey("playlist", network(c.ClientIP())), time.Minute, now)
	switch {
	case err != nil:
		s.log(c, err)
		s.fail(c, http.StatusServiceUnavailable, "try again in a moment")
	case hits > most:
		c.Header("Retry-After", strconv.Itoa(int(end.Sub(now)/time.Second)+1))
		s.fail(c, http.StatusTooManyRequests, "too many requests")
	}
}

func (s streams) log(c *gin.Context, err error) {
	s.edge.cfg.Log.WarnContext(c, "playlist not served", "route", c.FullPath(), "content", c.Param("id"),
		"request", c.GetString(requestIDKey), "error", err)
}

func (s streams) fail(c *gin.Context, status int, text string) {
	noStore(c)
	c.Data(status, "text/plain; charset=utf-8", []byte(text+"\n"))
	c.Abort()
}

func noStore(c *gin.Context) { c.Header("Cache-Control", "private, no-store") }
