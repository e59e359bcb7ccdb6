package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/paging"
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
	// UploadIdle is how long a client that sends its file through the edge may send
	// nothing; default 30 s.
	UploadIdle time.Duration
	// TempDir holds files while they are probed; default the system's.
	TempDir string
}

// MediaRoutes serves /api/media: what creators upload.
type MediaRoutes struct {
	examiner *examiner
	store    *s3.Bucket
	idle     time.Duration
}

// uploadLife is how long an address for an upload is good.
const uploadLife = time.Hour

// NewMediaRoutes returns the routes of /api/media.
func NewMediaRoutes(cfg MediaConfig) *MediaRoutes {
	if cfg.UploadIdle <= 0 {
		cfg.UploadIdle = defaultUploadIdle
	}
	return &MediaRoutes{examiner: newExaminer(cfg), store: cfg.Store, idle: cfg.UploadIdle}
}

// Routes implements [Resource].
func (m *MediaRoutes) Routes(e *Edge) []Route {
	return append(m.partRoutes(e),
		Route{
			Method: "POST", Path: "/api/media", Name: "registerMedia", Summary: "Register a file that will be uploaded",
			Notes: "The answer carries an address that takes one PUT of exactly the declared type and size, for an hour.",
			Who:   withSession(creators...), Body: media.Register{}, Command: true,
			Answers: []Answer{single[wire.RegisteredMedia](http.StatusCreated)}, Handle: m.on(e, m.register),
		},
		Route{
			Method: "GET", Path: "/api/media", Name: "listMedia", Summary: "List what the caller uploaded",
			Who: withSession(), Params: ownMediaParams, Answers: []Answer{listOf[wire.Media]()}, Handle: e.listMedia,
		},
		Route{
			Method: "GET", Path: "/api/media/:id", Name: "getMedia", Summary: "Read one of the caller's items",
			Who: withSession(), Answers: []Answer{single[wire.Media](http.StatusOK)},
			Refusals: []*domain.Error{media.ErrNotFound}, Handle: e.getMedia,
		},
		Route{
			Method: "PATCH", Path: "/api/media/:id", Name: "updateMedia", Summary: "Change title and description",
			Notes: "The other fields are for test clients, in development; elsewhere they are refused.",
			Who:   withSession(creators...), Body: media.Update{}, Command: true, Answers: []Answer{single[wire.Media](http.StatusOK)},
			Refusals: []*domain.Error{media.ErrNotFound}, Handle: e.updateMedia,
		},
		Route{
			Method: "DELETE", Path: "/api/media/:id", Name: "deleteMedia", Summary: "End an item and remove every object of it",
			Who: withSession(creators...), Limit: limitStrict, Command: true, Answers: []Answer{noContent},
			Refusals: []*domain.Error{media.ErrNotFound, media.ErrInUse}, Handle: e.change("media.delete", media.Delete{}),
		},
		Route{
			Method: "POST", Path: "/api/media/:id/upload-url", Name: "renewMediaUpload", Summary: "Give a fresh address for the file of an item that waits for it",
			Who: withSession(creators...), Answers: []Answer{single[wire.UploadAddress](http.StatusOK)},
			Refusals: []*domain.Error{media.ErrNotFound, media.ErrUploadOver}, Handle: m.on(e, m.renewUpload),
		},
		Route{
			Method: "POST", Path: "/api/media/:id/upload", Name: "uploadMedia", Summary: "Send the file through this server",
			Notes: "1 KiB to 5 GiB, under the declared content type. For clients that cannot reach the store; upload-complete follows.",
			Who:   withSession(creators...), BodyType: "application/octet-stream", Answers: []Answer{single[wire.Media](http.StatusOK)},
			Refusals: []*domain.Error{
				media.ErrNotFound, media.ErrUploadOver, media.ErrEmptyBody, media.ErrFileTooSmall, media.ErrFileTooLarge,
				media.ErrContentType, media.ErrUploadSize, media.ErrBodyEnded, errUnavailable,
			},
			Handle: m.on(e, m.upload),
		},
		Route{
			Method: "POST", Path: "/api/media/:id/upload-complete", Name: "completeMediaUpload", Summary: "Say that the file is uploaded",
			Notes: "The file is looked into first. One that is missing, or of another size or type than was declared, leaves the item waiting; " +
				"one that is not media of the declared type ends the item.",
			Who: withSession(creators...), Command: true, Answers: []Answer{single[wire.UploadCompleted](http.StatusOK)},
			Refusals: examinationRefusals, Handle: m.on(e, m.completeUpload),
		},
	)
}

// examinationRefusals are those of the routes that end an upload.
var examinationRefusals = []*domain.Error{
	media.ErrNotFound, media.ErrUploadOver, media.ErrUploadMissing, media.ErrUploadSize, media.ErrUploadType, media.ErrUploadChanged,
	media.ErrFileRejected, errUnavailable,
}

// on gives a function of these routes the form of a handler.
func (m *MediaRoutes) on(e *Edge, f func(e *Edge, c *gin.Context) error) func(*gin.Context) error {
	return func(c *gin.Context) error { return f(e, c) }
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
	if err != nil {
		return err
	}
	if accepted || reply.Status != http.StatusCreated {
		tell(c, cmd, reply, accepted)
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
		return media.ErrUploadOver
	}
	address, err := m.store.PresignPut(c, item.ObjectKey, item.MimeType, item.SizeBytes, uploadLife)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.UploadAddress{PresignedURL: address}})
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
	return m.finish(e, c, item, "")
}

// finish examines an item's file and applies what was found. step tells this command
// from others that the same Idempotency-Key stands for; "" when there are none.
func (m *MediaRoutes) finish(e *Edge, c *gin.Context, item media.Item, step string) error {
	found := media.CompleteUpload{ETag: item.ETag, SizeBytes: item.SizeBytes}
	switch {
	case item.Status == media.Uploading:
		var rejected *media.Reject
		var err error
		found, rejected, err = m.examiner.examine(c.Request.Context(), e.cfg.Log, item)
		switch {
		case err != nil:
			return err
		case rejected != nil:
			return m.reject(e, c, item, *rejected)
		}
	case item.FileRejected() && c.GetHeader("Idempotency-Key") != "":
		// The repetition of a request that ended the item is answered as it was.
		return media.Rejected(item.ErrorCode, item.Error)
	}
	// Of an item in another state the rules say: a repetition succeeds, anything later
	// is a conflict.
	cmd, err := e.command(c, "media.complete_upload", mustActor(c).UserID, item.ID, found)
	if err != nil {
		return err
	}
	if step != "" {
		cmd.ID = uuid.NewSHA1(uploadStepSpace, []byte(cmd.ID+"\x00"+step)).String()
	}
	return e.answer(c, cmd)
}

// uploadStepSpace is the name space of a request's second command.
var uploadStepSpace = uuid.MustParse("a4d7c1be-2f80-5c5b-9d1e-6b7d8f0f3a52")

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
func (e *Edge) updateMedia(c *gin.Context) error {
	var request media.Update
	if err := decode(c, &request); err != nil {
		return err
	}
	return e.apply(c, "media.update", paramsOf(c).uuid("id"), request)
}

func (e *Edge) getMedia(c *gin.Context) error {
	item, err := e.ownMedia(c)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, wire.Single{Data: wire.MediaOf(item)})
	return nil
}

// ownMedia returns the item that the path names. To everybody but its owner it is
// not there.
func (e *Edge) ownMedia(c *gin.Context) (media.Item, error) {
	item, found, err := postgres.Find(c, e.cfg.Pool, paramsOf(c).uuid("id"))
	if err != nil {
		return media.Item{}, err
	}
	if !found || item.DeletedAt != nil || item.CreatorID != mustActor(c).UserID {
		return media.Item{}, media.ErrNotFound
	}
	return item, nil
}

var ownMediaParams = pagedWith(
	optionalParam("status", "uploading", "uploaded", "transcoding", "ready", "failed"), optionalParam("mediaType", "video", "audio"),
	oneOfParam("sortBy", "createdAt", "uploadedAt", "title"), oneOfParam("sortOrder", "desc", "asc"),
)

// mediaOrder is an order that a client asks for. What was not uploaded comes last.
func mediaOrder(sortBy, direction string) paging.Order {
	switch {
	case sortBy == "title":
		return paging.By("title", paging.Text, "id", direction)
	case sortBy == "uploadedAt" && direction == "desc":
		return paging.By("COALESCE(uploaded_at, timestamptz '0001-01-01 00:00Z')", paging.Time, "id", direction)
	case sortBy == "uploadedAt":
		return paging.By("COALESCE(uploaded_at, timestamptz '9999-01-01 00:00Z')", paging.Time, "id", direction)
	default:
		return paging.By("created_at", paging.Time, "id", direction)
	}
}

// listMedia lists what the caller uploaded.
func (e *Edge) listMedia(c *gin.Context) error {
	q := paramsOf(c)
	l := paging.List{From: "media_items", Order: mediaOrder(q.text("sortBy"), q.text("sortOrder"))}
	l.Where.Is("deleted_at IS NULL")
	l.Where.And("creator_id = $", mustActor(c).UserID)
	l.Where.AndIf("status = $", q.text("status"))
	l.Where.AndIf("media_type = $", q.text("mediaType"))
	found, err := paging.Find(c, e.cfg.Pool, l, q.page())
	if err != nil {
		return fmt.Errorf("list media: %w", err)
	}
	rows, err := e.cfg.Pool.Query(c, `SELECT `+postgres.Columns+` FROM media_items WHERE id = ANY($1::uuid[])
		ORDER BY array_position($1::uuid[], id)`, found.IDs)
	if err != nil {
		return fmt.Errorf("list media: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (wire.Media, error) {
		item, err := postgres.Scan(row)
		return wire.MediaOf(item), err
	})
	if err != nil {
		return fmt.Errorf("list media: %w", err)
	}
	c.JSON(http.StatusOK, wire.PageOf(items, found))
	return nil
}
