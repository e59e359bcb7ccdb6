package streaming

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/access/token"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
)

// downloadLife is how long a download may be begun, continued and begun again.
const downloadLife = 24 * time.Hour

// downloadRoutes declares the download of an item's original, where its creator allows it.
// Beginning one is counted. Its URL carries a token and leads here, where access is decided
// again, and from here to a URL of the store that lives for less than a minute; a client that
// continues a download follows it anew, with its range.
func (s *streaming) downloadRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:  "POST",
			Path:    "/api/access/content/:id/download",
			Name:    "beginDownload",
			Summary: "Begin the download of an item",
			Notes: "For items whose creator offers it (download of the item), and viewers with access. The URL is for the " +
				"caller only; it takes ranges and works for 24 hours, for as long as the session is valid and access lasts.",
			Auth:      edge.Session(),
			Limit:     edge.LimitStreaming,
			Command:   access.CommandDownload,
			Responses: []edge.Response{edge.Data[BegunDownload](http.StatusCreated)},
			Errors: []*domain.Error{
				access.ErrContentNotFound,
				access.ErrDenied,
				access.ErrNoDownload,
				access.ErrMediaNotReady,
			},
			Handle: s.beginDownload,
		},
		{
			Method:  "GET",
			Path:    "/api/access/content/:id/file",
			Name:    "getDownload",
			Summary: "Download an item",
			Notes: "Takes the token of beginDownload and redirects to the object store, which sends the file with its name " +
				"and takes ranges. Access is decided again. Errors are plain text, as for segments.",
			Auth:      edge.PlaybackToken,
			Limit:     edge.LimitFiles,
			Params:    []edge.Param{tokenParam},
			Responses: []edge.Response{{Status: http.StatusFound, Doc: "The file is at Location"}},
			Handle:    s.getDownload,
		},
	}
}

// beginDownload begins a download and responds with its URL. The stored outcome of the command
// has ids only: the name of the file has words of a person, and the URL is a credential. Both
// are made anew for a repeated request, with the rights that the viewer has then.
func (s *streaming) beginDownload(c *edge.Request) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	actor, id := c.Actor(), c.UUID("id")
	cmd, err := c.NewCommand(access.CommandDownload, actor.UserID, id, access.Download{ContentID: id})
	if err != nil {
		return err
	}
	reply, pending, err := c.Outcome(cmd)
	if err != nil {
		return err
	}
	if pending || reply.Status != http.StatusCreated {
		c.WriteOutcome(cmd, reply, pending)
		return nil
	}
	var stored struct {
		Data recordedDownload `json:"data"`
	}
	if err := json.Unmarshal(reply.Body, &stored); err != nil {
		return fmt.Errorf("read the outcome of a download: %w", err)
	}
	var item played
	verdict, err := s.decide(c, postgres.Question{UserID: actor.UserID, ContentID: id}, queuePlayed(id, &item))
	if err == nil {
		err = verdict.Err()
	}
	switch {
	case err != nil:
		return err
	case !item.offer().Offered:
		return access.ErrNoDownload
	}
	expires := s.cfg.Now().UTC().Add(downloadLife).Truncate(time.Second)
	text, err := s.cfg.Tokens.Sign(token.Claims{
		UserID:     actor.UserID,
		ContentID:  id,
		SessionID:  actor.SessionID,
		CreatorID:  item.creatorID,
		MediaID:    item.mediaID,
		DownloadID: stored.Data.DownloadID,
		Begin:      expires.Unix(),
		Expires:    expires.Unix(),
	})
	if err != nil {
		return err
	}
	return c.WriteData(http.StatusCreated, BegunDownload{
		DownloadID:  stored.Data.DownloadID,
		MediaID:     item.mediaID,
		Filename:    media.Filename(item.title, item.mime),
		ContentType: item.mime,
		SizeBytes:   item.bytes,
		URL:         s.fileURL(id, "file", text),
		ExpiresAt:   expires,
	})
}

// getDownload redirects to the file in the store.
func (s *streaming) getDownload(c *edge.Request) error {
	claims, err := s.openToken(c)
	if err == nil && claims.DownloadID == "" {
		err = errNoAdmission // of a stream, which is not counted as a download
	}
	var p played
	if err == nil {
		p, err = s.admitted(c, claims)
	}
	var address string
	switch {
	case err != nil:
	case !p.offer().Offered:
		err = errNoAdmission
	case !media.SafeKey(p.original):
		err = s3.ErrNotFound
	default:
		disposition := media.Attachment(media.Filename(p.title, p.mime))
		address, err = s.cfg.Objects.PresignDownload(c, p.original, disposition, p.mime, fileURLLife)
	}
	if err != nil {
		s.refuse(c, err, "file not found")
		return nil
	}
	noStore(c)
	c.Header("Location", address)
	c.Status(http.StatusFound)
	return nil
}

// recordedDownload is the stored outcome of a download.
type recordedDownload struct {
	DownloadID string `json:"downloadId"`
}

// offer is what the item offers for download.
func (p played) offer() access.Offer {
	return access.Offer{
		Offered:   p.mediaID != "" && p.download == "original",
		Ready:     p.ready(),
		CreatorID: p.creatorID,
		MediaID:   p.mediaID,
		SizeBytes: p.bytes,
	}
}

// downloadSpace is the UUID name space of downloads, whose ids follow from their commands.
var downloadSpace = uuid.MustParse("0a9e5b52-3c1f-5f43-9a3e-6d0b8f4b7f11")

func (b *playbackBatch) wantDownload(cmd events.Command, p *access.Download) {
	b.actors.Want(cmd.ActorID, "")
	if q, err := questionOf(cmd, p.ContentID); err == nil {
		b.questions = append(b.questions, q)
		b.played[q.ContentID] = &played{}
	}
}

func (b *playbackBatch) download(cmd events.Command, p *access.Download, now time.Time) (commands.Outcome, error) {
	q, err := questionOf(cmd, p.ContentID)
	if err != nil {
		return commands.Outcome{}, err
	}
	if b.actors.Role(cmd.ActorID) == "" {
		return commands.Outcome{}, identity.ErrUserNotFound
	}
	facts, item := b.facts[q], b.played[q.ContentID]
	id := uuid.NewSHA1(downloadSpace, []byte(cmd.ID)).String()
	begun, err := item.offer().Begin(id, q.UserID, access.Download{ContentID: q.ContentID},
		access.Decide(facts.Content, facts.Viewer, now))
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.Created(recordedDownload{DownloadID: id}, events.Facts(facts.Content.Tenant(), id, 1, begun)...), nil
}
