package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/paging"
	"github.com/codex-platform/codex/handlers/view"
)

// presignedFor is how long a presigned URL for an upload is valid.
const presignedFor = time.Hour

func (i *ingest) mediaRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:  "POST",
			Path:    "/api/media",
			Name:    "registerMedia",
			Summary: "Register media",
			Notes: "The response has a presigned URL for one PUT of exactly the declared type and size, valid for an hour. " +
				"Names of types as browsers have them (audio/x-m4a, video/avi) are accepted; the response has the name to send.",
			Auth:      edge.Session(edge.Creators...),
			Body:      media.Register{},
			Command:   media.CommandRegister,
			Responses: []edge.Response{edge.Data[RegisteredMedia](http.StatusCreated)},
			Errors:    []*domain.Error{domain.ErrQuota},
			Handle:    i.register,
		},
		{
			Method:    "GET",
			Path:      "/api/media",
			Name:      "listMedia",
			Summary:   "List own media",
			Auth:      edge.Session(),
			Params:    ownMediaParams,
			Responses: []edge.Response{edge.ListOf[view.Media]()},
			Handle:    i.listMedia,
		},
		{
			Method:    "GET",
			Path:      "/api/media/:id",
			Name:      "getMedia",
			Summary:   "Get own media",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[view.Media](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound},
			Handle:    i.getMedia,
		},
		{
			Method:    "PATCH",
			Path:      "/api/media/:id",
			Name:      "updateMedia",
			Summary:   "Update media",
			Notes:     "Fields other than title and description are for test clients in development, and rejected elsewhere.",
			Auth:      edge.Session(edge.Creators...),
			Body:      media.Update{},
			Command:   media.CommandUpdate,
			Responses: []edge.Response{edge.Data[view.Media](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound},
			Handle:    i.updateMedia,
		},
		{
			Method:    "DELETE",
			Path:      "/api/media/:id",
			Name:      "deleteMedia",
			Summary:   "Delete media with all its objects",
			Auth:      edge.Session(edge.Creators...),
			Limit:     edge.LimitStrict,
			Command:   media.CommandDelete,
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{media.ErrNotFound, media.ErrInUse},
			Handle:    edge.SendForID(media.Delete{}),
		},
	}
}

// uploadRoutes are the upload of a file as a whole.
func (i *ingest) uploadRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:    "POST",
			Path:      "/api/media/:id/upload-url",
			Name:      "renewMediaUpload",
			Summary:   "Renew the presigned URL of an upload",
			Auth:      edge.Session(edge.Creators...),
			Responses: []edge.Response{edge.Data[UploadAddress](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound, media.ErrUploadOver},
			Handle:    i.renewUpload,
		},
		{
			Method:    "POST",
			Path:      "/api/media/:id/upload",
			Name:      "uploadMedia",
			Summary:   "Upload the file through the server",
			Notes:     "1 KiB to 5 GiB of the declared content type, for clients that cannot reach the store.",
			Auth:      edge.Session(edge.Creators...),
			BodyType:  "application/octet-stream",
			Responses: []edge.Response{edge.Data[view.Media](http.StatusOK)},
			Errors: []*domain.Error{
				media.ErrNotFound,
				media.ErrUploadOver,
				media.ErrEmptyBody,
				media.ErrFileTooSmall,
				media.ErrFileTooLarge,
				media.ErrContentType,
				media.ErrUploadSize,
				media.ErrBodyEnded,
				edge.ErrUnavailable,
			},
			Handle: i.upload,
		},
		{
			Method:  "POST",
			Path:    "/api/media/:id/upload-complete",
			Name:    "completeMediaUpload",
			Sends:   []string{media.CommandReject},
			Summary: "Complete an upload",
			Notes: "The file is examined first. A file that is missing, or of another size, type or checksum than declared, " +
				"leaves the item waiting; a file that is not media of the declared type fails it. What takes longer than a " +
				"second is left to the transcoder, whose rejection fails the item with the same code and reason.",
			Auth:      edge.Session(edge.Creators...),
			Body:      media.Completion{},
			Command:   media.CommandCompleteUpload,
			Wait:      i.cfg.CompleteWait,
			Responses: []edge.Response{edge.Data[UploadCompleted](http.StatusOK)},
			Errors:    completionErrors,
			Handle:    i.completeUpload,
		},
	}
}

// register registers an item and responds with the presigned URL for its file. The stored
// outcome of the command has no URL: it is a credential, and would have expired by the time
// of a replay.
func (i *ingest) register(r *edge.Request) error {
	var request media.Register
	if err := r.Decode(&request); err != nil {
		return err
	}
	cmd, err := r.NewCommand(media.CommandRegister, r.Actor().UserID, edge.NewID(), request)
	if err != nil {
		return err
	}
	reply, accepted, err := r.Outcome(cmd)
	if err != nil {
		return err
	}
	if accepted || reply.Status != http.StatusCreated {
		r.WriteOutcome(cmd, reply, accepted)
		return nil
	}
	registered, err := i.withAddress(r, reply)
	if err != nil {
		return err
	}
	r.JSON(http.StatusCreated, edge.Single{Data: registered})
	return nil
}

// withAddress adds the presigned URL to the outcome of a registration.
func (i *ingest) withAddress(r *edge.Request, reply events.Reply) (RegisteredMedia, error) {
	var stored struct {
		Data view.Media `json:"data"`
	}
	if err := json.Unmarshal(reply.Body, &stored); err != nil {
		return RegisteredMedia{}, fmt.Errorf("read the outcome of a registration: %w", err)
	}
	item := stored.Data
	address, err := i.cfg.Media.PresignPut(r, item.R2Key, item.MimeType, item.FileSizeBytes, presignedFor)
	return RegisteredMedia{Media: item, PresignedURL: address}, err
}

// renewUpload responds with a new presigned URL for an item that waits for its file: the
// first one expired, or the response to the registration was 202.
func (i *ingest) renewUpload(r *edge.Request) error {
	if err := r.NoBody(); err != nil {
		return err
	}
	item, err := i.ownMedia(r)
	if err != nil {
		return err
	}
	if item.Status != media.Uploading {
		return media.ErrUploadOver
	}
	address, err := i.cfg.Media.PresignPut(r, item.ObjectKey, item.MimeType, item.SizeBytes, presignedFor)
	if err != nil {
		return err
	}
	return r.OK(UploadAddress{PresignedURL: address})
}

// updateMedia sends all fields: the domain decides which a client may set.
func (i *ingest) updateMedia(r *edge.Request) error {
	var request media.Update
	if err := r.Decode(&request); err != nil {
		return err
	}
	return r.Send(r.UUID("id"), request)
}

func (i *ingest) getMedia(r *edge.Request) error {
	item, err := i.ownMedia(r)
	if err != nil {
		return err
	}
	return r.OK(view.MediaOf(item))
}

// ownMedia returns the item that the path names. It is not found for other users.
func (i *ingest) ownMedia(r *edge.Request) (media.Item, error) { return i.mediaOf(r, r.UUID("id")) }

func (i *ingest) mediaOf(r *edge.Request, id string) (media.Item, error) {
	item, found, err := postgres.Find(r, i.cfg.Pool, id)
	if err != nil {
		return media.Item{}, err
	}
	if !found || item.DeletedAt != nil || item.CreatorID != r.Actor().UserID {
		return media.Item{}, media.ErrNotFound
	}
	return item, nil
}

var ownMediaParams = edge.PagedParams(
	edge.OptionalChoiceParam("status", "uploading", "uploaded", "transcoding", "ready", "failed"),
	edge.OptionalChoiceParam("mediaType", "video", "audio"),
	edge.ChoiceParam("sortBy", "createdAt", "uploadedAt", "title"),
	edge.ChoiceParam("sortOrder", "desc", "asc"),
)

// mediaOrder is the order of a list. Items that are not uploaded yet come last.
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
