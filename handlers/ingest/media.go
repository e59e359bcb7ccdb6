package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/view"
)

// uploadLife is how long an address for an upload is good.
const uploadLife = time.Hour

func (i *ingest) mediaRoutes() []edge.Route {
	return []edge.Route{
		{
			Method: "POST", Path: "/api/media", Name: "registerMedia", Summary: "Register a file that will be uploaded",
			Notes: "The answer carries an address that takes one PUT of exactly the declared type and size, for an hour.",
			Auth:  edge.Session(edge.Creators...), Body: media.Register{}, Command: media.CommandRegister,
			Responses: []edge.Response{edge.Data[RegisteredMedia](http.StatusCreated)}, Handle: i.register,
		},
		{
			Method: "GET", Path: "/api/media", Name: "listMedia", Summary: "List what the caller uploaded",
			Auth: edge.Session(), Params: ownMediaParams, Responses: []edge.Response{edge.ListOf[view.Media]()}, Handle: i.listMedia,
		},
		{
			Method: "GET", Path: "/api/media/:id", Name: "getMedia", Summary: "Read one of the caller's items",
			Auth: edge.Session(), Responses: []edge.Response{edge.Data[view.Media](http.StatusOK)},
			Errors: []*domain.Error{media.ErrNotFound}, Handle: i.getMedia,
		},
		{
			Method: "PATCH", Path: "/api/media/:id", Name: "updateMedia", Summary: "Change title and description",
			Notes: "The other fields are for test clients, in development; elsewhere they are refused.",
			Auth:  edge.Session(edge.Creators...), Body: media.Update{}, Command: media.CommandUpdate, Responses: []edge.Response{edge.Data[view.Media](http.StatusOK)},
			Errors: []*domain.Error{media.ErrNotFound}, Handle: i.updateMedia,
		},
		{
			Method: "DELETE", Path: "/api/media/:id", Name: "deleteMedia", Summary: "End an item and remove every object of it",
			Auth: edge.Session(edge.Creators...), Limit: edge.LimitStrict, Command: media.CommandDelete, Responses: []edge.Response{edge.NoContent},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrInUse}, Handle: edge.SendForID(media.Delete{}),
		},
		{
			Method: "POST", Path: "/api/media/:id/upload-url", Name: "renewMediaUpload", Summary: "Give a fresh address for the file of an item that waits for it",
			Auth: edge.Session(edge.Creators...), Responses: []edge.Response{edge.Data[UploadAddress](http.StatusOK)},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrUploadOver}, Handle: i.renewUpload,
		},
		{
			Method: "POST", Path: "/api/media/:id/upload", Name: "uploadMedia", Summary: "Send the file through this server",
			Notes: "1 KiB to 5 GiB, under the declared content type. For clients that cannot reach the store; upload-complete follows.",
			Auth:  edge.Session(edge.Creators...), BodyType: "application/octet-stream", Responses: []edge.Response{edge.Data[view.Media](http.StatusOK)},
			Errors: []*domain.Error{
				media.ErrNotFound, media.ErrUploadOver, media.ErrEmptyBody, media.ErrFileTooSmall, media.ErrFileTooLarge,
				media.ErrContentType, media.ErrUploadSize, media.ErrBodyEnded, edge.ErrUnavailable,
			},
			Handle: i.upload,
		},
		{
			Method: "POST", Path: "/api/media/:id/upload-complete", Name: "completeMediaUpload", Sends: []string{media.CommandReject}, Summary: "Say that the file is uploaded",
			Notes: "The file is looked into first. One that is missing, or of another size or type than was declared, leaves the item waiting; " +
				"one that is not media of the declared type ends the item.",
			Auth: edge.Session(edge.Creators...), Command: media.CommandCompleteUpload, Responses: []edge.Response{edge.Data[UploadCompleted](http.StatusOK)},
			Errors: examinationRefusals, Handle: i.completeUpload,
		},
	}
}

// examinationRefusals are those of the routes that end an upload.
var examinationRefusals = []*domain.Error{
	media.ErrNotFound, media.ErrUploadOver, media.ErrUploadMissing, media.ErrUploadSize, media.ErrUploadType, media.ErrUploadChanged,
	media.ErrFileRejected, edge.ErrUnavailable,
}

// register makes an item and answers with the address for its file. The outcome
// that is stored for the command has no address: it is a credential, and it would
// have expired when the outcome is asked for again.
func (i *ingest) register(c *edge.Request) error {
	var request media.Register
	if err := c.Decode(&request); err != nil {
		return err
	}
	cmd, err := c.NewCommand(media.CommandRegister, c.Actor().UserID, edge.NewID(), request)
	if err != nil {
		return err
	}
	reply, accepted, err := c.Outcome(cmd)
	if err != nil {
		return err
	}
	if accepted || reply.Status != http.StatusCreated {
		c.WriteOutcome(cmd, reply, accepted)
		return nil
	}
	answer, err := i.withAddress(c, reply)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, edge.Single{Data: answer})
	return nil
}

func (i *ingest) withAddress(c *edge.Request, reply events.Reply) (RegisteredMedia, error) {
	var stored struct {
		Data view.Media `json:"data"`
	}
	if err := json.Unmarshal(reply.Body, &stored); err != nil {
		return RegisteredMedia{}, fmt.Errorf("read the outcome of a registration: %w", err)
	}
	item := stored.Data
	address, err := i.cfg.Media.PresignPut(c, item.R2Key, item.MimeType, item.FileSizeBytes, uploadLife)
	return RegisteredMedia{Media: item, PresignedURL: address}, err
}

// renewUpload answers with a fresh address for an item that still waits for its
// file: the first one expired, or the registration was answered with 202.
func (i *ingest) renewUpload(c *edge.Request) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	item, err := i.ownMedia(c)
	if err != nil {
		return err
	}
	if item.Status != media.Uploading {
		return media.ErrUploadOver
	}
	address, err := i.cfg.Media.PresignPut(c, item.ObjectKey, item.MimeType, item.SizeBytes, uploadLife)
	if err != nil {
		return err
	}
	return c.OK(UploadAddress{PresignedURL: address})
}

// completeUpload examines the file and only then says that it is there. A file
// that is missing or of another size leaves the item waiting for it; one that is
// not what was declared ends the item, and its owner is told why.
func (i *ingest) completeUpload(c *edge.Request) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	item, err := i.ownMedia(c)
	if err != nil {
		return err
	}
	return i.finish(c, item, "")
}

// finish examines an item's file and applies what was found. step tells this command
// from others that the same Idempotency-Key stands for; "" when there are none.
func (i *ingest) finish(c *edge.Request, item media.Item, step string) error {
	found := media.CompleteUpload{ETag: item.ETag, SizeBytes: item.SizeBytes}
	switch {
	case item.Status == media.Uploading:
		var rejected *media.Reject
		var err error
		found, rejected, err = i.examiner.examine(c.Request.Context(), c.Log(), item)
		switch {
		case err != nil:
			return err
		case rejected != nil:
			return i.reject(c, item, *rejected)
		}
	case item.FileRejected() && c.IdempotencyKey() != "":
		// The repetition of a request that ended the item is answered as it was.
		return media.Rejected(item.ErrorCode, item.Error)
	}
	// Of an item in another state the rules say: a repetition succeeds, anything later
	// is a conflict.
	cmd, err := c.NewCommand(media.CommandCompleteUpload, c.Actor().UserID, item.ID, found)
	if err != nil {
		return err
	}
	if step != "" {
		cmd.ID = uuid.NewSHA1(uploadStepSpace, []byte(cmd.ID+"\x00"+step)).String()
	}
	return c.SendCommand(cmd)
}

// uploadStepSpace is the name space of a request's second command.
var uploadStepSpace = uuid.MustParse("a4d7c1be-2f80-5c5b-9d1e-6b7d8f0f3a52")

// reject records what is wrong with the file and answers with it. The command's id
// is never that of the request's Idempotency-Key, which belongs to the completion.
func (i *ingest) reject(c *edge.Request, item media.Item, why media.Reject) error {
	cmd, err := c.NewCommand(media.CommandReject, c.Actor().UserID, item.ID, why)
	if err != nil {
		return err
	}
	cmd.ID = edge.NewID()
	reply, accepted, err := c.Outcome(cmd)
	switch {
	case err != nil:
		return err
	case !accepted && reply.Status >= http.StatusBadRequest:
		c.WriteReply(reply)
		return nil
	}
	return media.Rejected(why.Code, why.Reason)
}

// updateMedia passes everything on: which fields a client may set, and where, the
// rules decide.
func (i *ingest) updateMedia(c *edge.Request) error {
	var request media.Update
	if err := c.Decode(&request); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), request)
}

func (i *ingest) getMedia(c *edge.Request) error {
	item, err := i.ownMedia(c)
	if err != nil {
		return err
	}
	return c.OK(view.MediaOf(item))
}

// ownMedia returns the item that the path names. To everybody but its owner it is
// not there.
func (i *ingest) ownMedia(c *edge.Request) (media.Item, error) {
	item, found, err := postgres.Find(c, i.cfg.Pool, c.UUID("id"))
	if err != nil {
		return media.Item{}, err
	}
	if !found || item.DeletedAt != nil || item.CreatorID != c.Actor().UserID {
		return media.Item{}, media.ErrNotFound
	}
	return item, nil
}

var ownMediaParams = edge.PagedParams(
	edge.OptionalChoiceParam("status", "uploading", "uploaded", "transcoding", "ready", "failed"),
	edge.OptionalChoiceParam("mediaType", "video", "audio"),
	edge.ChoiceParam("sortBy", "createdAt", "uploadedAt", "title"), edge.ChoiceParam("sortOrder", "desc", "asc"),
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
func (i *ingest) listMedia(r *edge.Request) error {
	l := paging.List{From: "media_items", Order: mediaOrder(r.Text("sortBy"), r.Text("sortOrder"))}
	l.Where.Is("deleted_at IS NULL")
	l.Where.And("creator_id = $", r.Actor().UserID)
	l.Where.AndIf("status = $", r.Text("status"))
	l.Where.AndIf("media_type = $", r.Text("mediaType"))
	found, err := paging.Find(r, i.cfg.Pool, l, r.Page())
	if err != nil {
		return fmt.Errorf("list media: %w", err)
	}

	rows, err := i.cfg.Pool.Query(r, `SELECT `+postgres.Columns+` FROM media_items WHERE id = ANY($1::uuid[])
		ORDER BY array_position($1::uuid[], id)`, found.IDs)
	if err != nil {
		return fmt.Errorf("list media: %w", err)
	}
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (view.Media, error) {
		item, err := postgres.Scan(row)
		return view.MediaOf(item), err
	})
	if err != nil {
		return fmt.Errorf("list media: %w", err)
	}
	return r.WriteBare(edge.PageOf(items, found))
}
