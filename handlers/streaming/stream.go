package streaming

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/hls"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/edge"
)

// The life of a stream token, in seconds.
const (
	minStream     = 300
	maxStream     = 7200
	defaultStream = 600
)

// streamRoute declares the stream. Its URL carries a token that says who plays which media
// until when. The token alone grants nothing: access is decided again whenever a playlist
// or a file is fetched.
func (s *streaming) streamRoute() edge.Route {
	return edge.Route{
		Method:  "GET",
		Path:    "/api/access/content/:id/stream",
		Name:    "getStream",
		Summary: "Get the stream of an item",
		Notes: "The URL opens the item for the caller only, while the caller has access and the session is valid. " +
			"Playing may begin until expiresAt, and what was begun goes on for up to 24 hours. When access ends, playing " +
			"ends within a minute. Segments redirect to the object store: a page sets crossorigin on its video element. " +
			"Written content has no URLs; its text is in the response.",
		Auth:      edge.Session(),
		Limit:     edge.LimitStreaming,
		Params:    []edge.Param{edge.IntParam("expirySeconds", minStream, maxStream, defaultStream)},
		Responses: []edge.Response{edge.Data[Stream](http.StatusOK)},
		Errors: []*domain.Error{
			access.ErrContentNotFound,
			access.ErrDenied,
			access.ErrMediaNotReady,
		},
		Handle: s.stream,
	}
}

// played is the media behind an item.
type played struct {
	contentType string
	mediaID     string // empty when there is none
	creatorID   string
	status      string
	playable    bool
	master      string
	waveform    string
	overview    string // the waveform in few points
	variants    []string
	text        *string // of written content
	captions    []media.CaptionTrack
	chapters    media.Chapters
	storyboard  *media.Storyboard
	seconds     int
	// title, original, mime and bytes are of the file that may be downloaded, if download says so.
	title    string
	original string
	mime     string
	bytes    int64
	download string
	// audio is the key of the sound in one file.
	audio string
	// organizationID is that of the item, empty for a personal one.
	organizationID string
}

// queuePlayed queues the read of the media behind an item.
func queuePlayed(contentID string, p *played) func(*pgx.Batch) {
	return queueMedia(contentID, "", time.Time{}, p)
}

// queueMedia is queuePlayed for one media item: the present one of the item, or the one before
// it when it was replaced after a time. "" is the present one.
func queueMedia(contentID, mediaID string, replacedAfter time.Time, p *played) func(*pgx.Batch) {
	return func(b *pgx.Batch) {
		b.Queue(`
SELECT c.content_type, COALESCE(m.id::text, ''), COALESCE(m.creator_id, ''), COALESCE(m.status, ''),
       COALESCE(m.playable, false),
       COALESCE(m.hls_master_playlist_key, ''), COALESCE(m.waveform_key, ''), m.ready_variants,
       CASE c.content_type WHEN 'written' THEN c.content_body END,
       COALESCE(m.captions, '[]'), COALESCE(m.chapters, '{}'), COALESCE(m.duration_seconds, 0),
       c.title, COALESCE(m.r2_key, ''), COALESCE(m.mime_type, ''), COALESCE(m.file_size_bytes, 0), c.download,
       m.storyboard, COALESCE(m.waveform_overview_key, ''),
       COALESCE(m.audio_key, ''), COALESCE(c.organization_id::text, '')
FROM content c LEFT JOIN media_items m ON m.deleted_at IS NULL AND m.id = CASE
    WHEN c.replaced_media_id::text = $2 AND c.replaced_at > $3 THEN c.replaced_media_id ELSE c.media_item_id END
WHERE c.id = $1`, contentID, mediaID, replacedAfter).
			QueryRow(func(row pgx.Row) error {
				err := row.Scan(&p.contentType, &p.mediaID, &p.creatorID, &p.status, &p.playable,
					&p.master, &p.waveform, &p.variants, &p.text, &p.captions, &p.chapters, &p.seconds,
					&p.title, &p.original, &p.mime, &p.bytes, &p.download,
					&p.storyboard, &p.overview, &p.audio, &p.organizationID)
				if errors.Is(err, pgx.ErrNoRows) {
					return nil
				}
				return err
			})
	}
}

func (p played) ready() bool {
	return p.mediaID != "" && (p.status == string(media.Ready) || p.playable) && media.SafeKey(p.master)
}

// stream responds with the URL of an item's master playlist.
func (s *streaming) stream(c *edge.Request) error {
	life := time.Duration(c.Int("expirySeconds")) * time.Second
	stream, err := s.open(c, c.Actor(), c.UUID("id"), life)
	if err != nil {
		return err
	}
	return c.OK(stream)
}

// open decides about access and returns the URLs of an item, with which playing may begin
// for life.
func (s *streaming) open(
	ctx context.Context, actor *edge.Actor, contentID string, life time.Duration,
) (Stream, error) {
	var p played
	q := postgres.Question{UserID: actor.UserID, ContentID: contentID}
	verdict, err := s.decide(ctx, q, queuePlayed(contentID, &p))
	if err == nil {
		err = verdict.Err()
	}
	if err != nil {
		return Stream{}, err
	}

	expires := s.cfg.Now().UTC().Add(life).Truncate(time.Second)
	stream := Stream{ExpiresAt: expires, ContentType: p.contentType}
	if p.contentType == "written" {
		stream.ContentBody = p.text
		return stream, nil
	}
	if !p.ready() {
		return Stream{}, access.ErrMediaNotReady
	}

	text, err := s.cfg.Tokens.Sign(token.Claims{
		UserID:    actor.UserID,
		ContentID: contentID,
		SessionID: actor.SessionID,
		CreatorID: p.creatorID,
		MediaID:   p.mediaID,
		Begin:     expires.Unix(),
		Expires:   expires.Add(playLife).Unix(),
	})
	if err != nil {
		return Stream{}, err
	}
	master := s.fileURL(contentID, "hls/master.m3u8", text)
	stream.StreamingURL = &master
	stream.ReadyVariants = slices.DeleteFunc(p.variants, func(v string) bool { return !hls.IsVariant(v) })
	stream.Captions = s.captionsOf(contentID, p, text)
	stream.Chapters = s.chaptersOf(contentID, p.chapters, text)
	stream.Downloadable = p.offer().Offered
	if media.SafeKey(p.waveform) {
		waveform := s.fileURL(contentID, "waveform.json", text)
		stream.WaveformURL = &waveform
	}
	if media.SafeKey(p.overview) {
		overview := s.fileURL(contentID, "waveform-overview.json", text)
		stream.WaveformOverviewURL = &overview
	}
	if p.storyboard != nil {
		storyboard := s.fileURL(contentID, storyboardFile, text)
		stream.StoryboardURL = &storyboard
	}
	return stream, nil
}
