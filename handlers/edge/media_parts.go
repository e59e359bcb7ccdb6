package edge

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

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
			Who:   withSession(creators...), Command: true, Answers: []Answer{single[wire.MediaUpload](http.StatusCreated)},
			Refusals: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrTooManyUploads},
			Handle:   e.change(media.CommandOpenParts, struct{}{}),
		},
		{
			Method: "GET", Path: "/api/media/:id/multipart", Name: "listMediaUploads", Summary: "List the open uploads of an item",
			Who: withSession(creators...), Answers: []Answer{single[wire.MediaUploads](http.StatusOK)},
			Refusals: []*domain.Error{media.ErrNotFound}, Handle: e.listMediaUploads,
		},
		{
			Method: "POST", Path: one + "/parts", Name: "signMediaParts", Summary: "Give addresses for parts",
			Notes: "Each takes a PUT of exactly the part's size, for an hour. The store answers with the part's ETag.",
			Who:   withSession(creators...), Body: media.SignParts{}, Answers: []Answer{single[wire.SignedParts](http.StatusOK)},
			Refusals: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound}, Handle: m.on(e, m.signParts),
		},
		{
			Method: "GET", Path: one, Name: "getMediaUpload", Summary: "List the parts that have arrived",
			Who: withSession(creators...), Answers: []Answer{single[wire.MediaUploadParts](http.StatusOK)},
			Refusals: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound, errUnavailable}, Handle: m.on(e, m.listParts),
		},
		{
			Method: "POST", Path: one + "/complete", Name: "completeMediaParts", Summary: "Put the parts together, and say that the file is uploaded",
			Notes: "Without parts, those that have arrived are taken. What follows is what follows upload-complete. " +
				"Answered with 202, it is to be repeated when the operation is over.",
			Who: withSession(creators...), Body: media.CompleteParts{}, Command: true, Answers: []Answer{single[wire.UploadCompleted](http.StatusOK)},
			Refusals: append(slices.Clone(examinationRefusals), media.ErrPartsNotFound, media.ErrPartsIncomplete, media.ErrPartMismatch),
			Handle:   m.on(e, m.completeParts),
		},
		{
			Method: "DELETE", Path: one, Name: "abortMediaUpload", Summary: "End an upload and remove its parts",
			Who: withSession(creators...), Command: true, Answers: []Answer{noContent},
			Refusals: []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound}, Handle: e.abortParts,
		},
	}
}

func (e *Edge) listMediaUploads(c *gin.Context) error {
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
	c.JSON(http.StatusOK, wire.Single{Data: answer})
	return nil
}

// usableParts returns the upload that the path names, if parts may still be sent.
func (e *Edge) usableParts(c *gin.Context) (media.PartsUpload, error) {
	item, err := e.ownMedia(c)
	if err != nil {
		return media.PartsUpload{}, err
	}
	upload, found, err := postgres.FindParts(c, e.cfg.Pool, item.ID, paramsOf(c).uuid("uploadId"))
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

func (m *MediaRoutes) signParts(e *Edge, c *gin.Context) error {
	var request media.SignParts
	if err := decode(c, &request); err != nil {
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
	c.JSON(http.StatusOK, wire.Single{Data: answer})
	return nil
}

func (m *MediaRoutes) listParts(e *Edge, c *gin.Context) error {
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
	c.JSON(http.StatusOK, wire.Single{Data: answer})
	return nil
}

// completeParts is two commands: the store puts the parts together, and then the
// file is looked into and counts, as after any other upload. An Idempotency-Key
// stands for both.
func (m *MediaRoutes) completeParts(e *Edge, c *gin.Context) error {
	var request media.CompleteParts
	if err := decode(c, &request); err != nil {
		return err
	}
	id := paramsOf(c).uuid("id")
	cmd, err := e.command(c, media.CommandCompleteParts, mustActor(c).UserID, id, media.EndParts{UploadID: paramsOf(c).uuid("uploadId"), Parts: request.Parts})
	if err != nil {
		return err
	}
	reply, accepted, err := e.outcome(c, cmd)
	if err != nil {
		return err
	}
	if accepted || reply.Status >= http.StatusBadRequest {
		tell(c, cmd, reply, accepted)
		return nil
	}
	item, err := e.ownMedia(c)
	if err != nil {
		return err
	}
	return m.finish(e, c, item, "examined")
}

func (e *Edge) abortParts(c *gin.Context) error {
	if err := noBody(c); err != nil {
		return err
	}
	return e.apply(c, media.CommandAbortParts, paramsOf(c).uuid("id"), media.EndParts{UploadID: paramsOf(c).uuid("uploadId")})
}
