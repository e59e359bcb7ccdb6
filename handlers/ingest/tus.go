package ingest

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

// The headers of the tus protocol, and what is supported of it. Deferred lengths and
// concatenation are not: an item is registered with the size of its file.
const (
	tusVersion     = "1.0.0"
	tusExtensions  = "creation,creation-with-upload,termination,checksum,expiration"
	tusContentType = "application/offset+octet-stream"

	tusResumable   = "Tus-Resumable"
	uploadLength   = "Upload-Length"
	uploadOffset   = "Upload-Offset"
	uploadMetadata = "Upload-Metadata"
	uploadChecksum = "Upload-Checksum"
	uploadExpires  = "Upload-Expires"
)

var (
	tusVersionParam  = edge.Param{Name: tusResumable, Doc: "1.0.0; another version is rejected with 412"}
	tusChecksumParam = edge.Param{Name: uploadChecksum, Doc: "algorithm and sum in base64, of a body of at most 64 MiB"}
	tusOffsetParam   = edge.RequiredParam(edge.IntParam(uploadOffset, 0, media.MaxUploadBytes, 0))
	tusLengthParam   = edge.RequiredParam(edge.IntParam(uploadLength, 1, media.MaxUploadBytes, 0))
	tusMetadataParam = edge.Param{Name: uploadMetadata, Doc: "names with values in base64", Check: badMetadata}

	// limitChunks is for clients with small chunks.
	limitChunks = edge.Limit{Name: "chunks", Max: 1000, Window: time.Minute}
)

// tusRoutes are uploads in parts by the tus protocol 1.0, for clients that have it. An upload
// is the same as one in parts: it may be opened, listed, continued and ended either way.
//
// The protocol is written here rather than taken from tusd: that brings a router, CORS and
// bodies of errors of its own beside those of the edge, has no checksums, and its store for S3
// removes the beginning of a part before it has stored it again.
func (i *ingest) tusRoutes() []edge.Route {
	const all, one = "/api/media/:id/tus", "/api/media/:id/tus/:uploadId"
	const protocol = "Protocol tus 1.0. "
	return []edge.Route{
		{
			Method:    "OPTIONS",
			Path:      all,
			Name:      "describeTus",
			Summary:   "Get the supported version and extensions of tus",
			Notes:     protocol + "They are in the headers.",
			Responses: []edge.Response{edge.NoContent},
			Handle:    describeTus,
		},
		{
			Method:  "POST",
			Path:    all,
			Name:    "createTusUpload",
			Sends:   []string{media.CommandOpenParts, media.CommandCompleteParts},
			Summary: "Open an upload by tus",
			Notes: protocol + "Upload-Length is the registered size. Location is the upload; it expires after 7 days. " +
				"A body of application/offset+octet-stream is its first bytes.",
			Auth:      edge.Session(edge.Creators...),
			Headers:   []edge.Param{tusVersionParam, tusLengthParam, tusMetadataParam, tusChecksumParam},
			Responses: []edge.Response{{Status: http.StatusCreated, Doc: "The upload is at Location"}},
			Errors:    append(tusErrors(), media.ErrTooManyUploads, media.ErrUploadSize),
			Handle:    i.createTus,
		},
		{
			Method:    "GET",
			Path:      one,
			Name:      "getTusUpload",
			Summary:   "Get the offset of an upload",
			Notes:     protocol + "Use HEAD. Upload-Offset is how many bytes of the file are stored.",
			Auth:      edge.Session(edge.Creators...),
			Limit:     limitChunks,
			Headers:   []edge.Param{tusVersionParam},
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{media.ErrTusVersion, media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound},
			Handle:    i.getTus,
		},
		{
			Method:  "PATCH",
			Path:    one,
			Name:    "writeTusUpload",
			Sends:   []string{media.CommandCompleteParts},
			Summary: "Append to an upload",
			Notes: protocol + "What arrived before a connection broke is kept; with a checksum, nothing of it. The last " +
				"byte completes the upload as completeMediaParts does, and the response may be the rejection of the file.",
			Auth:      edge.Session(edge.Creators...),
			Limit:     limitChunks,
			Headers:   []edge.Param{tusVersionParam, tusOffsetParam, tusChecksumParam},
			BodyType:  tusContentType,
			Responses: []edge.Response{edge.NoContent},
			Errors:    tusErrors(),
			Handle:    i.patchTus,
		},
		{
			Method:    "DELETE",
			Path:      one,
			Name:      "terminateTusUpload",
			Sends:     []string{media.CommandAbortParts},
			Summary:   "Terminate an upload",
			Notes:     protocol + "The same as abortMediaUpload.",
			Auth:      edge.Session(edge.Creators...),
			Headers:   []edge.Param{tusVersionParam},
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{media.ErrTusVersion, media.ErrNotFound, media.ErrUploadOver, media.ErrPartsNotFound},
			Handle:    i.terminateTus,
		},
	}
}

// tusErrors are the errors of routes that take bytes.
func tusErrors() []*domain.Error {
	return append([]*domain.Error{
		media.ErrTusVersion,
		media.ErrTusContentType,
		media.ErrUploadOffset,
		media.ErrUploadLocked,
		media.ErrChunkTooLarge,
		media.ErrChunkChecksum,
		media.ErrBodyEnded,
		media.ErrPartsNotFound,
		media.ErrPartsIncomplete,
	}, completionErrors...)
}

func describeTus(r *edge.Request) error {
	r.Header(tusResumable, tusVersion)
	r.Header("Tus-Version", tusVersion)
	r.Header("Tus-Extension", tusExtensions)
	r.Header("Tus-Max-Size", strconv.Itoa(media.MaxUploadBytes))
	r.Header("Tus-Checksum-Algorithm", strings.Join(checksumAlgorithms, ","))
	r.Status(http.StatusNoContent)
	return nil
}

// beginTus checks the version and sets the headers that every response has.
func beginTus(r *edge.Request) error {
	r.Header(tusResumable, tusVersion)
	if r.GetHeader(tusResumable) != tusVersion {
		r.Header("Tus-Version", tusVersion)
		return media.ErrTusVersion
	}
	return nil
}

// badMetadata returns what is wrong with pairs of a name and a value in base64.
func badMetadata(pairs string) string {
	if len(pairs) > maxMetadata {
		return "must have at most 4096 characters"
	}
	for pair := range strings.SplitSeq(pairs, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if _, err := base64.StdEncoding.DecodeString(value); err != nil || name == "" {
			return "must be names with values in base64, separated by commas"
		}
	}
	return ""
}

const maxMetadata = 4096

// createTus opens an upload and takes its first bytes, if there are any.
func (i *ingest) createTus(r *edge.Request) error {
	if err := beginTus(r); err != nil {
		return err
	}
	item, err := i.ownMedia(r)
	if err != nil {
		return err
	}
	if size := int64(r.Int(uploadLength)); size != item.SizeBytes {
		return media.WrongSize(item.SizeBytes, size)
	}
	cmd, err := r.NewCommand(media.CommandOpenParts, r.Actor().UserID, item.ID,
		media.OpenParts{Metadata: r.Text(uploadMetadata)})
	if err != nil {
		return err
	}
	reply, pending, err := r.Outcome(cmd)
	switch {
	case err != nil:
		return err
	case pending:
		return edge.ErrUnavailable // the client would take the operation for the upload
	case reply.Status != http.StatusCreated:
		r.WriteReply(reply)
		return nil
	}
	upload, found, err := postgres.FindParts(r, i.cfg.Pool, item.ID, partsID(cmd))
	if err != nil || !found {
		return errors.Join(err, edge.ErrUnavailable)
	}

	r.Header("Location", tusPath(upload))
	setExpiry(r, upload)
	if r.Request.ContentLength == 0 {
		r.Header(uploadOffset, "0")
		r.Status(http.StatusCreated)
		return nil
	}
	return i.writeTus(r, upload, 0, http.StatusCreated)
}

func setExpiry(r *edge.Request, u media.PartsUpload) {
	if u.Status == media.PartsOpen {
		r.Header(uploadExpires, u.ExpiresAt.UTC().Format(http.TimeFormat))
	}
}

// tusUpload returns the upload that the path names. One that is completed, or that the store
// is assembling, is found as well, unless its file was rejected.
func (i *ingest) tusUpload(r *edge.Request) (media.PartsUpload, error) {
	if err := beginTus(r); err != nil {
		return media.PartsUpload{}, err
	}
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
	case item.FileRejected(), isOpen(upload) && item.Status != media.Uploading:
		return upload, media.ErrUploadOver
	case isOpen(upload) && !upload.Usable(r.Now()), upload.Status == media.PartsAborted:
		return upload, media.ErrPartsNotFound
	}
	return upload, nil
}

// isOpen reports whether an upload takes bytes. One that is being assembled has them all.
func isOpen(u media.PartsUpload) bool { return u.Status == media.PartsOpen }

// getTus responds with the offset from which a client continues.
func (i *ingest) getTus(r *edge.Request) error {
	upload, err := i.tusUpload(r)
	if err != nil {
		return err
	}
	offset := upload.SizeBytes
	if isOpen(upload) {
		at, err := i.tus.position(r, upload)
		if errors.Is(err, s3.ErrNotFound) {
			return media.ErrPartsNotFound
		}
		if err != nil {
			return storeError(r, r.Log(), err)
		}
		offset = at.offset()
	}
	r.Header(uploadOffset, strconv.FormatInt(offset, 10))
	r.Header(uploadLength, strconv.FormatInt(upload.SizeBytes, 10))
	if upload.Metadata != "" {
		r.Header(uploadMetadata, upload.Metadata)
	}
	setExpiry(r, upload)
	r.Status(http.StatusNoContent)
	return nil
}

func (i *ingest) patchTus(r *edge.Request) error {
	upload, err := i.tusUpload(r)
	if err != nil {
		return err
	}
	return i.writeTus(r, upload, int64(r.Int(uploadOffset)), http.StatusNoContent)
}

// writeTus appends the body of a request to an upload and completes the upload at its end.
func (i *ingest) writeTus(r *edge.Request, upload media.PartsUpload, offset int64, status int) error {
	if r.GetHeader("Content-Type") != tusContentType {
		return media.ErrTusContentType
	}
	if !isOpen(upload) {
		if offset != upload.SizeBytes {
			return media.ErrUploadOffset
		}
		return i.writtenTus(r, upload, offset, status) // the response to its last bytes was lost
	}
	offset, err := i.tus.write(r, upload, offset)
	if err != nil {
		return err
	}
	if offset < upload.SizeBytes {
		return i.writtenTus(r, upload, offset, status)
	}

	cmd, err := r.NewCommand(media.CommandCompleteParts, r.Actor().UserID, upload.MediaID,
		media.EndParts{UploadID: upload.ID})
	if err != nil {
		return err
	}
	reply, pending, err := r.Outcome(cmd)
	switch {
	case err != nil:
		return err
	case !pending && reply.Status >= http.StatusBadRequest:
		r.WriteReply(reply)
		return nil
	}
	return i.writtenTus(r, upload, offset, status)
}

func (i *ingest) writtenTus(r *edge.Request, upload media.PartsUpload, offset int64, status int) error {
	r.Header(uploadOffset, strconv.FormatInt(offset, 10))
	setExpiry(r, upload)
	r.Status(status)
	return nil
}

func (i *ingest) terminateTus(r *edge.Request) error {
	if err := beginTus(r); err != nil {
		return err
	}
	if err := r.NoBody(); err != nil {
		return err
	}
	cmd, err := r.NewCommand(media.CommandAbortParts, r.Actor().UserID, r.UUID("id"),
		media.EndParts{UploadID: r.UUID("uploadId")})
	if err != nil {
		return err
	}
	reply, pending, err := r.Outcome(cmd)
	if err != nil {
		return err
	}
	if pending {
		return edge.ErrUnavailable
	}
	r.WriteReply(reply)
	return nil
}

var errBadChecksum = strict.NewError(uploadChecksum, "must be an algorithm and its sum in base64")
