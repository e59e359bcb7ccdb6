package ingest

import (
	"errors"
	"net/http"
	"slices"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

// partRoutes are uploads in parts, straight to the store: a client that was cut off
// lists the parts that have arrived and goes on with the others.
func (i *ingest) partRoutes() []edge.Route {
	const one = "/api/media/:id/multipart/:uploadId"
	return []edge.Route{
		{
			Method: "POST", Path: "/api/media/:id/multipart", Name: "openMediaUpload", Summary: "Begin an upload in parts",
			Notes: "All parts have partSize bytes but the last, which has what is left. An upload is open for 7 days.",
			Auth:  edge.Session(edge.Creators...), Command: media.CommandOpenParts, Responses: []edge.Response{edge.Data[MediaUpload](http.StatusCreated)},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrTooManyUploads},
			Handle: edge.SendForID(struct{}{}),
		},
		{
			Method: "GET", Path: "/api/media/:id/multipart", Name: "listMediaUploads", Summary: "List the open uploads of an item",
			Auth: edge.Session(edge.Creators...), Responses: []edge.Response{edge.Data[MediaUploads](http.StatusOK)},
			Errors: []*domain.Error{media.ErrNotFound}, Handle: i.listMediaUploads,
		},
		{
			Method: "POST", Path: one + "/parts", Name: "signMediaParts", Summary: "Give addresses for parts",
			Notes: "Each takes a PUT of exactly the part's size, for an hour. The store answers with the part's ETag.",
			Auth:  edge.Session(edge.Creators...), Body: media.SignParts{}, Responses: []edge.Response{edge.Data[SignedParts](http.StatusOK)},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound}, Handle: i.signParts,
		},
		{
			Method: "GET", Path: one, Name: "getMediaUpload", Summary: "List the parts that have arrived",
			Auth: edge.Session(edge.Creators...), Responses: []edge.Response{edge.Data[MediaUploadParts](http.StatusOK)},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound, edge.ErrUnavailable}, Handle: i.listParts,
		},
		{
			Method: "POST", Path: one + "/complete", Name: "completeMediaParts", Sends: []string{media.CommandCompleteUpload, media.CommandReject}, Summary: "Put the parts together, and say that the file is uploaded",
			Notes: "Without parts, those that have arrived are taken. What follows is what follows upload-complete. " +
				"Answered with 202, it is to be repeated when the operation is over.",
			Auth: edge.Session(edge.Creators...), Body: media.CompleteParts{}, Command: media.CommandCompleteParts, Responses: []edge.Response{edge.Data[UploadCompleted](http.StatusOK)},
			Errors: append(slices.Clone(examinationRefusals), media.ErrPartsNotFound, media.ErrPartsIncomplete, media.ErrPartMismatch),
			Handle: i.completeParts,
		},
		{
			Method: "DELETE", Path: one, Name: "abortMediaUpload", Summary: "End an upload and remove its parts",
			Auth: edge.Session(edge.Creators...), Command: media.CommandAbortParts, Responses: []edge.Response{edge.NoContent},
			Errors: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound}, Handle: i.abortParts,
		},
	}
}

func (i *ingest) listMediaUploads(c *edge.Request) error {
	item, err := i.ownMedia(c)
	if err != nil {
		return err
	}
	answer := MediaUploads{Uploads: []MediaUpload{}}
	if item.Status == media.Uploading {
		open, err := postgres.OpenParts(c, i.cfg.Pool, item.ID, c.Now())
		if err != nil {
			return err
		}
		for _, upload := range open {
			answer.Uploads = append(answer.Uploads, UploadOf(upload))
		}
	}
	return c.OK(answer)
}

// usableParts returns the upload that the path names, if parts may still be sent.
func (i *ingest) usableParts(c *edge.Request) (media.PartsUpload, error) {
	item, err := i.ownMedia(c)
	if err != nil {
		return media.PartsUpload{}, err
	}
	upload, found, err := postgres.FindParts(c, i.cfg.Pool, item.ID, c.UUID("uploadId"))
	switch {
	case err != nil:
		return upload, err
	case !found:
		return upload, media.ErrPartsNotFound
	case item.Status != media.Uploading:
		return upload, media.ErrUploadOver
	case !upload.Usable(c.Now()):
		return upload, media.ErrPartsNotFound
	}
	return upload, nil
}

func (i *ingest) signParts(c *edge.Request) error {
	var request media.SignParts
	if err := c.Decode(&request); err != nil {
		return err
	}
	upload, err := i.usableParts(c)
	if err != nil {
		return err
	}
	answer := SignedParts{Parts: []SignedPart{}, ExpiresAt: c.Now().Add(uploadLife)}
	for _, number := range request.PartNumbers {
		size := upload.Length(number)
		if size == 0 {
			return strict.Refuse("partNumbers", "must be among the upload's parts")
		}
		address, err := i.cfg.Media.PresignPart(c, upload.ObjectKey, upload.StoreID, number, size, uploadLife)
		if err != nil {
			return err
		}
		answer.Parts = append(answer.Parts, SignedPart{PartNumber: number, PresignedURL: address, Size: size})
	}
	return c.OK(answer)
}

func (i *ingest) listParts(c *edge.Request) error {
	upload, err := i.usableParts(c)
	if err != nil {
		return err
	}
	stored, err := i.cfg.Media.ListParts(c, upload.ObjectKey, upload.StoreID)
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return media.ErrPartsNotFound
	case err != nil:
		return storeRefusal(c, c.Log(), err)
	}
	answer := MediaUploadParts{MediaUpload: UploadOf(upload), Parts: []MediaUploadPart{}}
	for _, p := range stored {
		answer.Parts = append(answer.Parts, MediaUploadPart{PartNumber: p.Number, ETag: p.ETag, Size: p.Size})
	}
	return c.OK(answer)
}

// completeParts is two commands: the store puts the parts together, and then the
// file is looked into and counts, as after any other upload. An Idempotency-Key
// stands for both.
func (i *ingest) completeParts(c *edge.Request) error {
	var request media.CompleteParts
	if err := c.Decode(&request); err != nil {
		return err
	}
	id := c.UUID("id")
	cmd, err := c.NewCommand(media.CommandCompleteParts, c.Actor().UserID, id, media.EndParts{UploadID: c.UUID("uploadId"), Parts: request.Parts})
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
	item, err := i.ownMedia(c)
	if err != nil {
		return err
	}
	return i.finish(c, item, "examined")
}

func (i *ingest) abortParts(c *edge.Request) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	return c.Send(c.UUID("id"), media.EndParts{UploadID: c.UUID("uploadId")})
}
