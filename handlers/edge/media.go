package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// MediaConfig is what the media routes need beyond the edge's own configuration.
type MediaConfig struct {
	// Store is the bucket of originals and renditions.
	Store *s3.Bucket
	// Prober looks into files that are small enough; nil leaves all of that to the
	// transcoder.
	Prober Prober
	// ProbeBytes is up to which size an upload is fetched and probed before it is
	// accepted; default 64 MiB. Of a larger one only the first 4 KiB are looked at
	// here: the transcoder probes it before it does anything else.
	ProbeBytes int64
	// Probes is how many uploads are probed at once; default 2.
	Probes int
	// TempDir holds files while they are probed; default the system's.
	TempDir string
}

// MediaRoutes serves /api/media: what creators upload.
type MediaRoutes struct {
	examiner *examiner
	store    *s3.Bucket
}

// uploadLife is how long an address for an upload is good.
const uploadLife = time.Hour

// NewMediaRoutes returns the routes of /api/media.
func NewMediaRoutes(cfg MediaConfig) *MediaRoutes {
	return &MediaRoutes{examiner: newExaminer(cfg), store: cfg.Store}
}

// Register implements Routes.
func (m *MediaRoutes) Register(e *Edge, r gin.IRouter) {
	own := r.Group("/api/media")
	own.POST("", e.signedIn(creators...), m.with(e, m.register))
	own.GET("", e.signedIn(), e.listMedia)
	own.GET("/:id", e.signedIn(), e.getMedia)
	own.PATCH("/:id", e.signedIn(creators...), e.updateMedia)
	own.DELETE("/:id", e.signedIn(creators...), e.changeContent("media.delete", media.Delete{}))
	own.POST("/:id/upload-url", e.signedIn(creators...), m.with(e, m.renewUpload))
	own.POST("/:id/upload", e.signedIn(creators...), m.with(e, m.upload))
	own.POST("/:id/upload-complete", e.signedIn(creators...), m.with(e, m.completeUpload))
}

// with turns a function that may fail into a handler.
func (m *MediaRoutes) with(e *Edge, f func(e *Edge, c *gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := f(e, c); err != nil {
			e.refuse(c, err)
		}
	}
}

// register makes an item and answers with the address for its file. The outcome
// that is stored for the command has no address: it is a credential, and it would
// have expired when the outcome is asked for again.
func (m *MediaRoutes) register(e *Edge, c *gin.Context) error {
	var request media.Register
	if err := decode(c, &request); err != nil {
		return err
	}
	cmd, err := e.command(c, "media.register", mustActor(c).UserID, newID(), request)
	if err != nil {
		return err
	}
	reply, accepted, err := e.outcome(c, cmd)
	switch {
	case err != nil:
		return err
	case accepted:
		c.Header("Location", "/api/commands/"+cmd.ID)
		c.JSON(http.StatusAccepted, wire.Single{Data: gin.H{"id": cmd.ID, "status": "accepted"}})
		return nil
	case reply.Status != http.StatusCreated:
		writeReply(c, reply)
		return nil
	}
	answer, err := m.withAddress(c, reply)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, wire.Single{Data: answer})
	return nil
}

func (m *MediaRoutes) withAddress(c *gin.Context, reply events.Reply) (wire.RegisteredMedia, error) {
	var stored struct {
		Data wire.Media `json:"data"`
	}
	if err := json.Unmarshal(reply.Body, &stored); err != nil {
		return wire.RegisteredMedia{}, fmt.Errorf("read the outcome of a registration: %w", err)
	}
	item := stored.Data
	address, err := m.store.PresignPut(c, item.R2Key, item.MimeType, item.FileSizeBytes, uploadLife)
	return wire.RegisteredMedia{Media: item, PresignedURL: address}, err
}

// renewUpload answers with a fresh address for an item that still waits for its
// file: the first one expired, or the registration was answered with 202.
func (m *MediaRoutes) renewUpload(e *Edge, c *gin.Context) error {
	if err := noBody(c); err != nil {
		return err
	}
	item, err := e.ownMedia(c)
	if err != nil {
		return err
	}
	if item.Status != media.Uploading {
		return domain.Refuse(domain.Conflict, "INVALID_MEDIA_STATE", "The upload of this media item is over")
	}
	address, err := m.store.PresignPut(c, item.ObjectKey, item.MimeType, item.SizeBytes, uploadLife)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, wire.Single{Data: gin.H{"presignedUrl": address}})
	return nil
}

// completeUpload examines the file and only then says that it is there. A file
// that is missing or of another size leaves the item waiting for it; one that is
// not what was declared ends the item, and its owner is told why.
func (m *MediaRoutes) completeUpload(e *Edge, c *gin.Context) error {
	if err := noBody(c); err != nil {
		return err
	}
	item, err := e.ownMedia(c)
	if err != nil {
		return err
	}
	if item.Status != media.Uploading {
		// The rules answer: a repetition succeeds, anything later is a conflict.
		e.submit(c, "media.complete_upload", item.ID, media.CompleteUpload{ETag: item.ETag, SizeBytes: item.SizeBytes})
		return nil
	}
	found, rejected, err := m.examiner.examine(c.Request.Context(), e.cfg.Log, item)
	switch {
	case err != nil:
		return err
	case rejected != nil:
		return m.reject(e, c, item, *rejected)
	}
	e.submit(c, "media.complete_upload", item.ID, found)
	return nil
}

// reject records what is wrong with the file and answers with it. The command's id
// is never that of the request's Idempotency-Key, which belongs to the completion.
func (m *MediaRoutes) reject(e *Edge, c *gin.Context, item media.Item, why media.Reject) error {
	cmd, err := e.command(c, "media.reject", mustActor(c).UserID, item.ID, why)
	if err != nil {
		return err
	}
	cmd.ID = newID()
	reply, accepted, err := e.outcome(c, cmd)
	switch {
	case err != nil:
		return err
	case !accepted && reply.Status >= http.StatusBadRequest:
		writeReply(c, reply)
		return nil
	}
	return media.Rejected(why.Code, why.Reason)
}

// updateMedia passes everything on: which fields a client may set, and where, the
// rules decide.
func (e *Edge) updateMedia(c *gin.Context) {
	id, err := pathID(c)
	var request media.Update
	if err == nil {
		err = decode(c, &request)
	}
	if err != nil {
		e.refuse(c, err)
		return
	}
	e.submit(c, "media.update", id, request)
}

func (e *Edge) getMedia(c *gin.Context) {
	item, err := e.ownMedia(c)
	if err != nil {
		e.refuse(c, err)
		return
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.MediaOf(item)})
}

// ownMedia returns the item that the path names. To everybody but its owner it is
// not there.
func (e *Edge) ownMedia(c *gin.Context) (media.Item, error) {
	id, err := pathID(c)
	if err != nil {
		return media.Item{}, err
	}
	item, found, err := postgres.Find(c, e.cfg.Pool, id)
	if err != nil {
		return media.Item{}, err
	}
	if !found || item.DeletedAt != nil || item.CreatorID != mustActor(c).UserID {
		return media.Item{}, domain.Missing("MEDIA_NOT_FOUND", "Media")
	}
	return item, nil
}

var mediaSortColumns = map[string]string{"createdAt": "created_at", "uploadedAt": "uploaded_at", "title": "title"}

// listMedia lists what the caller uploaded.
func (e *Edge) listMedia(c *gin.Context) {
	q := newQuery(c)
	page := q.paging()
	status := q.optional("status", "uploading", "uploaded", "transcoding", "ready", "failed")
	mediaType := q.optional("mediaType", "video", "audio")
	column := mediaSortColumns[q.oneOf("sortBy", "createdAt", "uploadedAt", "title")]
	order := q.oneOf("sortOrder", "desc", "asc")
	if err := q.err(); err != nil {
		e.refuse(c, err)
		return
	}
	const where = `creator_id = $1 AND deleted_at IS NULL AND ($2 = '' OR status = $2) AND ($3 = '' OR media_type = $3)`
	args := []any{mustActor(c).UserID, status, mediaType}
	var total int64
	if err := e.cfg.Pool.QueryRow(c, `SELECT count(*) FROM media_items WHERE `+where, args...).Scan(&total); err != nil {
		e.refuse(c, fmt.Errorf("count media: %w", err))
		return
	}
	rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.Columns+` FROM media_items WHERE `+where+
		` ORDER BY `+column+` `+order+` NULLS LAST, id `+order+` LIMIT $4 OFFSET $5`, append(args, page.limit, page.offset())...)
	if err != nil {
		e.refuse(c, fmt.Errorf("list media: %w", err))
		return
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (wire.Media, error) {
		item, err := postgres.Scan(row)
		return wire.MediaOf(item), err
	})
	if err != nil {
		e.refuse(c, fmt.Errorf("list media: %w", err))
		return
	}
	c.JSON(http.StatusOK, wire.Page(items, page.page, page.limit, total))
}
