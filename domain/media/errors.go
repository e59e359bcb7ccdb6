package media

import "github.com/codex-platform/codex/domain"

// The errors of media and its uploads. Some are returned with details, see [With].
var (
	// ErrNotFound is also the error for everyone but the owner.
	ErrNotFound   = domain.Missing("MEDIA_NOT_FOUND", "Media")
	ErrNotCreator = domain.NewError(domain.Forbidden, "", "You may not do this")
	ErrExists     = domain.NewError(domain.Conflict, "MEDIA_EXISTS", "This media item is registered already")
	ErrInUse      = newError(domain.Rule, "MEDIA_IN_USE", "Published content uses this media item; unpublish it first")

	// ErrUploadOver: the item does not wait for a file.
	ErrUploadOver = domain.NewError(domain.Conflict, "INVALID_MEDIA_STATE", "The upload of this media item is over")
	// ErrUploadMissing and the three after it: the stored file is not the declared one.
	// The item still waits for its file.
	ErrUploadMissing = newError(domain.Rule, "UPLOAD_MISSING",
		"The file has not arrived in the store; upload it and try again")
	ErrUploadSize = newError(domain.Rule, "UPLOAD_SIZE_MISMATCH",
		"The file in the store has another size than was declared; upload it again")
	ErrUploadType = newError(domain.Rule, "UPLOAD_TYPE_MISMATCH",
		"The file was uploaded under another content type than was declared; upload it again")
	ErrUploadChecksum = newError(domain.Rule, "UPLOAD_CHECKSUM_MISMATCH",
		"The file in the store is not the one whose checksum was declared; upload it again")
	ErrUploadChanged = domain.NewError(domain.Conflict, "UPLOAD_CHANGED",
		"The file was replaced while it was examined; try again")
	// ErrFileRejected: the file is at fault, and the item has failed. The probe has other codes.
	ErrFileRejected = newError(domain.Rule, CodeInvalidContentType, ReasonInvalidContentType)

	// ErrEmptyBody and the three after it reject an upload through the edge before it is stored.
	ErrEmptyBody    = newError(domain.Invalid, "EMPTY_BODY", "The file is empty")
	ErrFileTooSmall = newError(domain.Invalid, "FILE_TOO_SMALL", "The file is smaller than 1024 bytes")
	ErrFileTooLarge = newError(domain.Invalid, "FILE_TOO_LARGE", "The file is larger than 5 GiB")
	ErrContentType  = newError(domain.Invalid, CodeInvalidContentType, "The content type is not the one that was declared")
	// ErrBodyEnded: the client stopped before the end of the file, or was too slow.
	ErrBodyEnded = newError(domain.Invalid, "UPLOAD_INTERRUPTED", "The file ended before its declared length")

	// ErrPartsNotFound and the three after it are about uploads in parts.
	ErrPartsNotFound  = domain.Missing("UPLOAD_NOT_FOUND", "Upload")
	ErrTooManyUploads = domain.NewError(domain.Conflict, "TOO_MANY_UPLOADS",
		"This media item has too many open uploads; complete or abort one")
	ErrPartsIncomplete = newError(domain.Rule, "UPLOAD_INCOMPLETE",
		"Parts of the file have not arrived in the store; upload them and try again")
	ErrPartMismatch = newError(domain.Rule, "UPLOAD_PART_MISMATCH",
		"The store has other parts than were named; list them and try again")

	// ErrTusVersion and those after it are about uploads by the tus protocol, which names the statuses.
	ErrTusVersion = withStatus(statusPreconditionFailed, newError(domain.Invalid, "TUS_VERSION",
		"Only version 1.0.0 of the tus protocol is supported; say so in Tus-Resumable"))
	ErrTusContentType = withStatus(statusUnsupportedMediaType, newError(domain.Invalid, "TUS_CONTENT_TYPE",
		"The content type must be application/offset+octet-stream"))
	ErrUploadOffset = domain.NewError(domain.Conflict, "UPLOAD_OFFSET_MISMATCH",
		"The upload is at another offset; ask for it and continue there")
	ErrUploadLocked = withStatus(statusLocked, newError(domain.Conflict, "UPLOAD_LOCKED",
		"Another request is writing to this upload; try again in a moment"))
	ErrChunkTooLarge = withStatus(statusTooLarge, newError(domain.Invalid, "CHUNK_TOO_LARGE",
		"The request has more bytes than the upload has left, or than a checksum may be of"))
	ErrChunkChecksum = withStatus(statusChecksumMismatch, newError(domain.Invalid, "CHUNK_CHECKSUM_MISMATCH",
		"The bytes that arrived have another checksum and were discarded; send them again"))

	ErrCaptionsNotFound = domain.Missing("CAPTIONS_NOT_FOUND", "Captions")
	ErrTooManyCaptions  = domain.NewError(domain.Conflict, "TOO_MANY_CAPTIONS",
		"This media item has captions in 50 languages; remove one first")

	// ErrTranscodingNotFound is ErrNotFound in the routes of transcoding.
	ErrTranscodingNotFound = domain.Missing("TRANSCODING_MEDIA_NOT_FOUND", "Media")
	ErrNotOwner            = newError(domain.Forbidden, "MEDIA_OWNERSHIP_ERROR", "This media item has another owner")
	ErrState               = newError(domain.Rule, "INVALID_MEDIA_STATE",
		"This is not possible in the current state of the media item")
	// ErrUploadNotAccepted: there is no file that could be tried again.
	ErrUploadNotAccepted = newError(domain.Rule, "UPLOAD_NOT_ACCEPTED",
		"No upload of this media item was accepted, so there is nothing to transcode; upload the file first")
	ErrRetriesExceeded = newError(domain.Rule, "MAX_RETRIES_EXCEEDED",
		"This file was tried three times; upload it again")
)

// The rejection of a file whose first bytes are not of the declared type.
const (
	CodeInvalidContentType   = "INVALID_CONTENT_TYPE"
	ReasonInvalidContentType = "The file is not media of the declared type."
)

// wrongKind is the code of probes for a file with another kind of media than declared.
const wrongKind = "WRONG_KIND"

// PublicCode returns the code that clients get for a code of a probe: the same, whether the file
// was probed when its upload was completed or by the transcoder.
func PublicCode(code string) string {
	if code == wrongKind {
		return CodeInvalidContentType
	}
	return code
}

// Rejected is [ErrFileRejected] with a code and a sentence for the owner.
func Rejected(code, reason string) *domain.Error { return newError(domain.Rule, code, reason) }

// WrongSize is [ErrUploadSize] with both sizes.
func WrongSize(declared, found int64) *domain.Error {
	return With(ErrUploadSize, map[string]any{"declaredBytes": declared, "foundBytes": found})
}

// The statuses of the tus protocol that no class of errors has. The last is its own.
const (
	statusPreconditionFailed   = 412
	statusTooLarge             = 413
	statusUnsupportedMediaType = 415
	statusLocked               = 423
	statusChecksumMismatch     = 460
)

func withStatus(status int, err *domain.Error) *domain.Error {
	err.Status = status
	return err
}

// With returns a copy of an error with details for the client.
func With(err *domain.Error, details map[string]any) *domain.Error {
	detailed := *err
	detailed.Context = details
	return &detailed
}

// newError returns an error whose public code is the reason, as the contract has it for media.
func newError(class domain.Class, reason, message string) *domain.Error {
	return &domain.Error{
		Class:   class,
		Code:    reason,
		Reason:  reason,
		Message: message,
	}
}
