package edge

import (
	"errors"
	"net/http"
	"slices"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge/strict"
	"github.com/codex-platform/codex/handlers/wire"
)

// partRoutes are uploads in parts, straight to the store: a client that was cut off
// lists the parts that have arrived and goes on with the others.
func (m *MediaRoutes) partRoutes(e *Edge) []Route {
	const one = "/api/media/:id/multipart/:uploadId"
	return []Route{
		{
			Method: "POST", Path: "/api/media/:id/multipart", Name: "openMediaUpload", Summary: "Begin an upload in parts",
			Notes: "All parts have partSize bytes but the last, which has what is left. An upload is open for 7 days.",
			Auth:  Session(Creators...), Command: "upload.open", Responses: []Response{Data[wire.MediaUpload](http.StatusCreated)},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrTooManyUploads},
			Handle: SendForID(struct{}{}),
		},
		{
			Method: "GET", Path: "/api/media/:id/multipart", Name: "listMediaUploads", Summary: "List the open uploads of an item",
			Auth: Session(Creators...), Responses: []Response{Data[wire.MediaUploads](http.StatusOK)},
			Errors: []*domain.Error{media.ErrNotFound}, Handle: e.listMediaUploads,
		},
		{
			Method: "POST", Path: one + "/parts", Name: "signMediaParts", Summary: "Give addresses for parts",
			Notes: "Each takes a PUT of exactly the part's size, for an hour. The store answers with the part's ETag.",
			Auth:  Session(Creators...), Body: media.SignParts{}, Responses: []Response{Data[wire.SignedParts](http.StatusOK)},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound}, Handle: m.on(e, m.signParts),
		},
		{
			Method: "GET", Path: one, Name: "getMediaUpload", Summary: "List the parts that have arrived",
			Auth: Session(Creators...), Responses: []Response{Data[wire.MediaUploadParts](http.StatusOK)},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound, ErrUnavailable}, Handle: m.on(e, m.listParts),
		},
		{
			Method: "POST", Path: one + "/complete", Name: "completeMediaParts", Sends: []string{"media.complete_upload", "media.reject"}, Summary: "Put the parts together, and say that the file is uploaded",
			Notes: "Without parts, those that have arrived are taken. What follows is what follows upload-complete. " +
				"Answered with 202, it is to be repeated when the operation is over.",
			Auth: Session(Creators...), Body: media.CompleteParts{}, Command: "upload.complete", Responses: []Response{Data[wire.UploadCompleted](http.StatusOK)},
			Errors: append(slices.Clone(examinationRefusals), media.ErrPartsNotFound, media.ErrPartsIncomplete, media.ErrPartMismatch),
			Handle: m.on(e, m.completeParts),
		},
		{
			Method: "DELETE", Path: one, Name: "abortMediaUpload", Summary: "End an upload and remove its parts",
			Auth: Session(Creators...), Command: "upload.abort", Responses: []Response{NoContent},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound}, Handle: e.abortParts,
		},
	}
}

func (e *Edge) listMediaUploads(c *Request) error {
	item, err := e.ownMedia(c)
	if err != nil {
		return err
	}
	answer := wire.MediaUploads{Uploads: []wire.MediaUpload{}}
	if item.Status == media.Uploading {
		open, err := postgres.OpenParts(c, e.cfg.Pool, item.ID, e.now())
		if err != nil {
			return err
		}
		for _, upload := range open {
			answer.Uploads = append(answer.Uploads, wire.UploadOf(upload))
		}
	}
	return c.OK(answer)
}

// usableParts returns the upload that the path names, if parts may still be sent.
func (e *Edge) usableParts(c *Request) (media.PartsUpload, error) {
	item, err := e.ownMedia(c)
	if err != nil {
		return media.PartsUpload{}, err
	}
	upload, found, err := postgres.FindParts(c, e.cfg.Pool, item.ID, c.UUID("uploadId"))
	switch {
	case err != nil:
		return upload, err
	case !found:
		return upload, media.ErrPartsNotFound
	case item.Status != media.Uploading:
		return upload, media.ErrUploadOver
	case !upload.Usable(e.now()):
		return upload, media.ErrPartsNotFound
	}
	return upload, nil
}

func (m *MediaRoutes) signParts(e *Edge, c *Request) error {
	var request media.SignParts
	if err := c.Decode(&request); err != nil {
		return err
	}
	upload, err := e.usableParts(c)
	if err != nil {
		return err
	}
	answer := wire.SignedParts{Parts: []wire.SignedPart{}, ExpiresAt: e.now().Add(uploadLife)}
	for _, number := range request.PartNumbers {
		size := upload.Length(number)
		if size == 0 {
			return strict.Refuse("partNumbers", "must be among the upload's parts")
		}
		address, err := m.store.PresignPart(c, upload.ObjectKey, upload.StoreID, number, size, uploadLife)
		if err != nil {
			return err
		}
		answer.Parts = append(answer.Parts, wire.SignedPart{PartNumber: number, PresignedURL: address, Size: size})
	}
	return c.OK(answer)
}

func (m *MediaRoutes) listParts(e *Edge, c *Request) error {
	upload, err := e.usableParts(c)
	if err != nil {
		return err
	}
	stored, err := m.store.ListParts(c, upload.ObjectKey, upload.StoreID)
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return media.ErrPartsNotFound
	case err != nil:
		return storeRefusal(c, e.cfg.Log, err)
	}
	answer := wire.MediaUploadParts{MediaUpload: wire.UploadOf(upload), Parts: []wire.MediaUploadPart{}}
	for _, p := range stored {
		answer.Parts = append(answer.Parts, wire.MediaUploadPart{PartNumber: p.Number, ETag: p.ETag, Size: p.Size})
	}
	return c.OK(answer)
}

// completeParts is two commands: the store puts the parts together, and then the
// file is looked into and counts, as after any other upload. An Idempotency-Key
// stands for both.
func (m *MediaRoutes) completeParts(e *Edge, c *Request) error {
	var request media.CompleteParts
	if err := c.Decode(&request); err != nil {
		return err
	}
	id := c.UUID("id")
	cmd, err := c.NewCommand("upload.complete", c.Actor().UserID, id, media.EndParts{UploadID: c.UUID("uploadId"), Parts: request.Parts})
	if err != nil {
		return err
	}
	reply, accepted, err := c.Outcome(cmd)
	if err != nil {
		return err
	}
	if accepted || reply.Status >= http.StatusBadRequest {
		c.WriteOutcome(cmd, reply, accepted)
		return nil
	}
	item, err := e.ownMedia(c)
	if err != nil {
		return err
	}
	return m.finish(e, c, item, "examined")
}

func (e *Edge) abortParts(c *Request) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), media.EndParts{UploadID: c.UUID("uploadId")})
}
