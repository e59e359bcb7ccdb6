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

// partRoutes are uploads in parts, directly to the store: after an interruption a client
// lists the stored parts and sends the others.
func (i *ingest) partRoutes() []edge.Route {
	const one = "/api/media/:id/multipart/:uploadId"
	return []edge.Route{
		{
			Method:    "POST",
			Path:      "/api/media/:id/multipart",
			Name:      "openMediaUpload",
			Summary:   "Open an upload in parts",
			Notes:     "All parts but the last have partSize bytes. An upload expires after 7 days.",
			Auth:      edge.Session(edge.Creators...),
			Command:   media.CommandOpenParts,
			Responses: []edge.Response{edge.Data[MediaUpload](http.StatusCreated)},
			Errors:    []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrTooManyUploads},
			Handle:    edge.SendForID(media.OpenParts{}),
		},
		{
			Method:    "GET",
			Path:      "/api/media/:id/multipart",
			Name:      "listMediaUploads",
			Summary:   "List the open uploads of an item",
			Auth:      edge.Session(edge.Creators...),
			Responses: []edge.Response{edge.Data[MediaUploads](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound},
			Handle:    i.listMediaUploads,
		},
		{
			Method:    "POST",
			Path:      one + "/parts",
			Name:      "signMediaParts",
			Summary:   "Presign parts",
			Notes:     "Each URL is valid for an hour, for a PUT of exactly the size of the part. The store returns its ETag.",
			Auth:      edge.Session(edge.Creators...),
			Body:      media.SignParts{},
			Responses: []edge.Response{edge.Data[SignedParts](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound},
			Handle:    i.signParts,
		},
		{
			Method:    "GET",
			Path:      one,
			Name:      "getMediaUpload",
			Summary:   "List the stored parts of an upload",
			Auth:      edge.Session(edge.Creators...),
			Responses: []edge.Response{edge.Data[MediaUploadParts](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound, edge.ErrUnavailable},
			Handle:    i.listParts,
		},
		{
			Method:    "POST",
			Path:      one + "/complete",
			Name:      "completeMediaParts",
			Summary:   "Complete an upload in parts",
			Notes:     "Without a list of parts, the stored parts are used. The file is examined as by completeMediaUpload.",
			Auth:      edge.Session(edge.Creators...),
			Body:      media.CompleteParts{},
			Command:   media.CommandCompleteParts,
			Wait:      i.cfg.CompleteWait,
			Responses: []edge.Response{edge.Data[UploadCompleted](http.StatusOK)},
			Errors: append(slices.Clone(completionErrors),
				media.ErrPartsNotFound, media.ErrPartsIncomplete, media.ErrPartMismatch),
			Handle: i.completeParts,
		},
		{
			Method:    "DELETE",
			Path:      one,
			Name:      "abortMediaUpload",
			Summary:   "Abort an upload in parts",
			Auth:      edge.Session(edge.Creators...),
			Command:   media.CommandAbortParts,
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound},
			Handle:    i.abortParts,
		},
	}
}

func (i *ingest) listMediaUploads(r *edge.Request) error {
	item, err := i.ownMedia(r)
	if err != nil {
		return err
	}
	list := MediaUploads{Uploads: []MediaUpload{}}
	if item.Status == media.Uploading {
		open, err := postgres.OpenParts(r, i.cfg.Pool, item.ID, r.Now())
		if err != nil {
			return err
		}
		for _, upload := range open {
			list.Uploads = append(list.Uploads, uploadOf(upload))
		}
	}
	return r.OK(list)
}

// usableParts returns the upload that the path names while parts may be sent.
func (i *ingest) usableParts(r *edge.Request) (media.PartsUpload, error) {
	item, err := i.ownMedia(r)
	if err != nil {
		return media.PartsUpload{}, err
	}
	upload, found, err := postgres.FindParts(r, i.cfg.Pool, item.ID, r.UUID("uploadId"))
	switch {
	case err != nil:
		return upload, err
	case !found:
		return upload, media.ErrPartsNotFound
	case item.Status != media.Uploading:
		return upload, media.ErrUploadOver
	case !upload.Usable(r.Now()):
		return upload, media.ErrPartsNotFound
	}
	return upload, nil
}

func (i *ingest) signParts(r *edge.Request) error {
	var request media.SignParts
	if err := r.Decode(&request); err != nil {
		return err
	}
	upload, err := i.usableParts(r)
	if err != nil {
		return err
	}
	signed := SignedParts{Parts: []SignedPart{}, ExpiresAt: r.Now().Add(presignedFor)}
	for _, number := range request.PartNumbers {
		size := upload.Length(number)
		if size == 0 {
			return strict.NewError("partNumbers", "must be among the upload's parts")
		}
		address, err := i.cfg.Media.PresignPart(r, upload.ObjectKey, upload.StoreID, number, size, presignedFor)
		if err != nil {
			return err
		}
		signed.Parts = append(signed.Parts, SignedPart{PartNumber: number, PresignedURL: address, Size: size})
	}
	return r.OK(signed)
}

func (i *ingest) listParts(r *edge.Request) error {
	upload, err := i.usableParts(r)
	if err != nil {
		return err
	}
	stored, err := i.cfg.Media.ListParts(r, upload.ObjectKey, upload.StoreID)
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return media.ErrPartsNotFound
	case err != nil:
		return storeError(r, r.Log(), err)
	}
	list := MediaUploadParts{MediaUpload: uploadOf(upload), Parts: []MediaUploadPart{}}
	for _, p := range stored {
		list.Parts = append(list.Parts, MediaUploadPart{PartNumber: p.Number, ETag: p.ETag, Size: p.Size})
	}
	return r.OK(list)
}

func (i *ingest) completeParts(r *edge.Request) error {
	var request media.CompleteParts
	if err := r.Decode(&request); err != nil {
		return err
	}
	return r.Send(r.UUID("id"), media.EndParts{
		UploadID:   r.UUID("uploadId"),
		Parts:      request.Parts,
		Completion: request.Completion,
	})
}

func (i *ingest) abortParts(r *edge.Request) error {
	if err := r.NoBody(); err != nil {
		return err
	}
	return r.Send(r.UUID("id"), media.EndParts{UploadID: r.UUID("uploadId")})
}
