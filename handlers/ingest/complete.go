package ingest

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/edge"
)

// completionErrors are the errors of the routes that complete an upload.
var completionErrors = []*domain.Error{
	media.ErrNotFound,
	media.ErrUploadOver,
	media.ErrUploadMissing,
	media.ErrUploadSize,
	media.ErrUploadType,
	media.ErrUploadChecksum,
	media.ErrUploadChanged,
	media.ErrFileRejected,
	edge.ErrUnavailable,
}

// completeUpload completes an upload once its file was examined. A file that is missing or
// of another size or checksum leaves the item waiting for it; one that is not what was declared fails
// the item with a reason for its owner.
func (i *ingest) completeUpload(r *edge.Request) error {
	var request media.Completion
	if err := r.Decode(&request); err != nil {
		return err
	}
	item, err := i.ownMedia(r)
	if err != nil {
		return err
	}
	found := media.CompleteUpload{ETag: item.ETag, SizeBytes: item.SizeBytes, Checksum: item.Checksum}
	switch {
	case item.Status == media.Uploading:
		var rejected *media.Reject
		found, rejected, err = i.examiner.examine(r.Request.Context(), r.Log(), item, request.Checksum)
		switch {
		case err != nil:
			return err
		case rejected != nil:
			return i.reject(r, item, *rejected)
		}
	case item.FileRejected() && r.IdempotencyKey() != "":
		// A repeated request gets the error that the first one got.
		return media.Rejected(item.ErrorCode, item.Error)
	}

	// In another state the domain decides: a repeated completion succeeds, a later one is a
	// conflict.
	cmd, err := r.NewCommand(media.CommandCompleteUpload, r.Actor().UserID, item.ID, found)
	if err != nil {
		return err
	}
	return r.SendCommand(cmd)
}

// rejectSpace is the UUID name space of the commands that reject files.
var rejectSpace = uuid.MustParse("a4d7c1be-2f80-5c5b-9d1e-6b7d8f0f3a52")

// reject stores why the file is rejected and responds with it, instead of a completion. The
// id of the command follows from that of the completion, so that concurrent requests with one
// Idempotency-Key reject the file once.
func (i *ingest) reject(r *edge.Request, item media.Item, reason media.Reject) error {
	cmd, err := r.NewCommand(media.CommandReject, r.Actor().UserID, item.ID, reason)
	if err != nil {
		return err
	}
	cmd.ID = uuid.NewSHA1(rejectSpace, []byte(cmd.ID)).String()
	reply, accepted, err := r.Outcome(cmd)
	switch {
	case err != nil:
		return err
	case !accepted && reply.Status >= http.StatusBadRequest:
		r.WriteReply(reply)
		return nil
	}
	return media.Rejected(reason.Code, reason.Reason)
}
