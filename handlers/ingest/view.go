package ingest

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/view"
)

// RegisteredMedia is a new item together with the address for its file. The address is a credential: it is computed when
// the edge answers, and stored nowhere.
type RegisteredMedia struct {
	view.Media
	// PresignedURL takes one PUT of exactly the declared type and size, for an hour.
	PresignedURL string `json:"presignedUrl"`
}

// UploadAddress is a fresh address for the file of an item.
type UploadAddress struct {
	// PresignedURL takes one PUT of exactly the declared type and size, for an hour.
	PresignedURL string `json:"presignedUrl" jsonschema:"format=uri"`
}

// MediaUpload is an open upload of an item's file in parts.
type MediaUpload struct {
	UploadID string `json:"uploadId" jsonschema:"format=uuid"`
	// PartSize is the size of every part in bytes, except that of the last, which is what is left.
	PartSize  int64     `json:"partSize"`
	PartCount int       `json:"partCount"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// UploadOf returns the representation of an upload in parts.
func UploadOf(u media.PartsUpload) MediaUpload {
	return MediaUpload{UploadID: u.ID, PartSize: u.PartSize, PartCount: u.PartCount, ExpiresAt: u.ExpiresAt}
}

// MediaUploads are the open uploads of an item.
type MediaUploads struct {
	Uploads []MediaUpload `json:"uploads"`
}

// MediaUploadParts is an open upload and the parts that the store has: what is not among them is to be sent (again).
type MediaUploadParts struct {
	MediaUpload
	Parts []MediaUploadPart `json:"parts"`
}

// MediaUploadPart is a part that the store has.
type MediaUploadPart struct {
	PartNumber int    `json:"partNumber"`
	ETag       string `json:"etag"`
	Size       int64  `json:"size"`
}

// SignedParts are addresses for parts.
type SignedParts struct {
	Parts     []SignedPart `json:"parts"`
	ExpiresAt time.Time    `json:"expiresAt"`
}

// SignedPart is the address for one part. It is a credential.
type SignedPart struct {
	PartNumber int `json:"partNumber"`
	// PresignedURL takes PUTs of exactly this size until the parts' expiresAt.
	PresignedURL string `json:"presignedUrl" jsonschema:"format=uri"`
	Size         int64  `json:"size"`
}

// UploadCompleted is the answer to upload-complete.
type UploadCompleted struct {
	Success              bool         `json:"success"`
	TranscodingTriggered bool         `json:"transcodingTriggered"`
	Status               media.Status `json:"status"`
}

// TranscodingAsked is the answer to who asks for a transcoding.
type TranscodingAsked struct {
	Message string `json:"message"`
	MediaID string `json:"mediaId" jsonschema:"format=uuid"`
}

// ReportReceived acknowledges a transcoder's report. It has no envelope.
type ReportReceived struct {
	Received bool `json:"received"`
	// Error says why the report was nothing that could be recorded.
	Error string `json:"error,omitempty"`
}

// MockJob is how the stand-in for an external transcoder acknowledges a job, as that one would. It has no envelope.
type MockJob struct {
	ID     string `json:"id"`
	Status string `json:"status" jsonschema:"enum=COMPLETED"`
}

// ReportTaken is the outcome of a transcoder's report: whether it changed anything, and if not, why.
type ReportTaken struct {
	Applied bool          `json:"applied"`
	Ignored media.Ignored `json:"ignored,omitempty"`
}

// TranscodingStatus is how far an item is.
type TranscodingStatus struct {
	Status               media.Status `json:"status"`
	TranscodingAttempts  int          `json:"transcodingAttempts"`
	TranscodingError     *string      `json:"transcodingError"`
	TranscodingErrorCode *string      `json:"transcodingErrorCode"`
	RunpodJobID          *string      `json:"runpodJobId"`
	TranscodingPriority  int          `json:"transcodingPriority"`
	TranscodingProgress  *int         `json:"transcodingProgress"`
	TranscodingStep      *string      `json:"transcodingStep"`
	ReadyVariants        []string     `json:"readyVariants" jsonschema:"nullable"`
}

// TranscodingStatusOf returns how far an item is.
func TranscodingStatusOf(i media.Item) TranscodingStatus {
	return TranscodingStatus{
		Status: i.Status, TranscodingAttempts: i.Attempts, TranscodingError: domain.NilIfZero(i.Error),
		TranscodingErrorCode: domain.NilIfZero(i.ErrorCode), RunpodJobID: domain.NilIfZero(i.JobID), TranscodingPriority: i.Priority,
		TranscodingProgress: i.Progress, TranscodingStep: domain.NilIfZero(i.Step), ReadyVariants: i.ReadyVariants,
	}
}
