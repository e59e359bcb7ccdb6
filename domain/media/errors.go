package media

import "github.com/codex-platform/codex/domain"

// The refusals of media and its uploads. Some are given out with further facts, see [With].
var (
	// ErrNotFound is also what everybody but the owner is told.
	ErrNotFound   = domain.Missing("MEDIA_NOT_FOUND", "Media")
	ErrNotCreator = domain.Refuse(domain.Forbidden, "", "You may not do this")
	ErrExists     = domain.Refuse(domain.Conflict, "MEDIA_EXISTS", "This media item is registered already")
	ErrInUse      = refuse(domain.Rule, "MEDIA_IN_USE", "Published content uses this media item; unpublish it first")

	// ErrUploadOver : the item does not wait for a file any more.
	ErrUploadOver = domain.Refuse(domain.Conflict, "INVALID_MEDIA_STATE", "The upload of this media item is over")
	// ErrUploadMissing, ErrUploadSize and ErrUploadType : what the store has is not what was declared. The item goes on
	// waiting for its file.
	ErrUploadMissing = refuse(domain.Rule, "UPLOAD_MISSING", "The file has not arrived in the store; upload it and try again")
	ErrUploadSize    = refuse(domain.Rule, "UPLOAD_SIZE_MISMATCH", "The file in the store has another size than was declared; upload it again")
	ErrUploadType    = refuse(domain.Rule, "UPLOAD_TYPE_MISMATCH", "The file was uploaded under another content type than was declared; upload it again")
	ErrUploadChanged = domain.Refuse(domain.Conflict, "UPLOAD_CHANGED", "The file was replaced while it was looked at; try again")
	// ErrFileRejected : the file itself is at fault; the item has failed. Other codes than this one
	// come from looking into it.
	ErrFileRejected = refuse(domain.Rule, CodeInvalidContentType, ReasonInvalidContentType)

	// ErrEmptyBody and the three after it refuse a file that is sent through us, before it is stored.
	ErrEmptyBody    = refuse(domain.Invalid, "EMPTY_BODY", "The file is empty")
	ErrFileTooSmall = refuse(domain.Invalid, "FILE_TOO_SMALL", "The file is smaller than 1024 bytes")
	ErrFileTooLarge = refuse(domain.Invalid, "FILE_TOO_LARGE", "The file is larger than 5 GiB")
	ErrContentType  = refuse(domain.Invalid, CodeInvalidContentType, "The content type is not the one that was declared")
	// ErrBodyEnded : the client stopped before the file was complete, or was too slow.
	ErrBodyEnded = refuse(domain.Invalid, "UPLOAD_INTERRUPTED", "The file ended before its declared length")

	// ErrPartsNotFound, and the three after it, are about uploads in parts.
	ErrPartsNotFound   = domain.Missing("UPLOAD_NOT_FOUND", "Upload")
	ErrTooManyUploads  = domain.Refuse(domain.Conflict, "TOO_MANY_UPLOADS", "This media item has too many open uploads; complete or abort one")
	ErrPartsIncomplete = refuse(domain.Rule, "UPLOAD_INCOMPLETE", "Parts of the file have not arrived in the store; upload them and try again")
	ErrPartMismatch    = refuse(domain.Rule, "UPLOAD_PART_MISMATCH", "The store has other parts than were named; list them and try again")

	// ErrTranscodingNotFound : the transcoding routes' name for an item that is not there.
	ErrTranscodingNotFound = domain.Missing("TRANSCODING_MEDIA_NOT_FOUND", "Media")
	ErrNotOwner            = refuse(domain.Forbidden, "MEDIA_OWNERSHIP_ERROR", "This media item belongs to somebody else")
	ErrState               = refuse(domain.Rule, "INVALID_MEDIA_STATE", "This is not possible in the media item's present state")
	ErrRetriesExceeded     = refuse(domain.Rule, "MAX_RETRIES_EXCEEDED", "This file was tried three times; upload it again")
)

// What a file is rejected with when its first bytes do not agree with the declared type.
const (
	CodeInvalidContentType   = "INVALID_CONTENT_TYPE"
	ReasonInvalidContentType = "The file is not media of the declared type."
)

// Rejected is [ErrFileRejected] with what was found: a code and a sentence for the owner.
func Rejected(code, reason string) *domain.Error { return refuse(domain.Rule, code, reason) }

// WrongSize is [ErrUploadSize] with both sizes.
func WrongSize(declared, found int64) *domain.Error {
	return With(ErrUploadSize, map[string]any{"declaredBytes": declared, "foundBytes": found})
}

// With returns a refusal with facts for the client; the refusal itself is not changed.
func With(err *domain.Error, facts map[string]any) *domain.Error {
	told := *err
	told.Context = facts
	return &told
}

// refuse returns a refusal whose public code is the reason itself, as the contract has it for media.
func refuse(class domain.Class, reason, message string) *domain.Error {
	return &domain.Error{
		Class:   class,
		Code:    reason,
		Reason:  reason,
		Message: message,
	}
}
