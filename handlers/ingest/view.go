package ingest

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/handlers/view"
)

// RegisteredMedia is a new item with the presigned URL for its file. The URL is a credential:
// it is computed for the response and never stored.
type RegisteredMedia struct {
	view.Media
	// PresignedURL is valid for an hour, for one PUT of exactly the declared type and size.
	PresignedURL string `json:"presignedUrl"`
}

// CaptionsText is one language of an item's captions.
type CaptionsText struct {
	media.CaptionTrack
	// Text is WebVTT.
	Text string `json:"text"`
}

// UploadAddress is a new presigned URL for the file of an item.
type UploadAddress struct {
	// PresignedURL is valid for an hour, for one PUT of exactly the declared type and size.
	PresignedURL string `json:"presignedUrl" jsonschema:"format=uri"`
}

// MediaUpload is an open upload of an item's file in parts.
type MediaUpload struct {
	UploadID string `json:"uploadId" jsonschema:"format=uuid"`
	// PartSize is the size in bytes of every part but the last, which is smaller.
	PartSize  int64     `json:"partSize"`
	PartCount int       `json:"partCount"`
	ExpiresAt time.Time `json:"expiresAt"`
	// TusURL is the path at which clients of the tus protocol continue the upload.
	TusURL string `json:"tusUrl" jsonschema:"example=/api/media/01900000-0000-7000-8000-000000000001/tus/01900000-0000-7000-8000-000000000002"`
}

// tusPath is the path of an upload for clients of the tus protocol.
func tusPath(u media.PartsUpload) string { return "/api/media/" + u.MediaID + "/tus/" + u.ID }

func uploadOf(u media.PartsUpload) MediaUpload {
	return MediaUpload{
		UploadID:  u.ID,
		PartSize:  u.PartSize,
		PartCount: u.PartCount,
		ExpiresAt: u.ExpiresAt,
		TusURL:    tusPath(u),
	}
}

// MediaUploads are the open uploads of an item.
type MediaUploads struct {
	Uploads []MediaUpload `json:"uploads"`
}

// MediaUploadParts is an open upload with its stored parts; the client must send the others.
type MediaUploadParts struct {
	MediaUpload
	Parts []MediaUploadPart `json:"parts"`
}

// MediaUploadPart is a stored part.
type MediaUploadPart struct {
	PartNumber int    `json:"partNumber"`
	ETag       string `json:"etag"`
	Size       int64  `json:"size"`
}

// SignedParts are presigned URLs for parts.
type SignedParts struct {
	Parts     []SignedPart `json:"parts"`
	ExpiresAt time.Time    `json:"expiresAt"`
}

// SignedPart is the presigned URL for one part, a credential.
type SignedPart struct {
	PartNumber int `json:"partNumber"`
	// PresignedURL is valid until expiresAt, for PUTs of exactly this size.
	PresignedURL string `json:"presignedUrl" jsonschema:"format=uri"`
	Size         int64  `json:"size"`
}

// UploadCompleted is a completed upload.
type UploadCompleted struct {
	Success              bool         `json:"success"`
	TranscodingTriggered bool         `json:"transcodingTriggered"`
	Status               media.Status `json:"status"`
}

// TranscodingAsked confirms the request for a transcoding job.
type TranscodingAsked struct {
	Message string `json:"message"`
	MediaID string `json:"mediaId" jsonschema:"format=uuid"`
}

// ReportReceived acknowledges a transcoder's report. It has no envelope.
type ReportReceived struct {
	Received bool `json:"received"`
	// Error says why the report was ignored, or its output refused.
	Error string `json:"error,omitempty"`
}

// MockJob acknowledges a job as an external transcoder would. It has no envelope.
type MockJob struct {
	ID     string `json:"id"`
	Status string `json:"status" jsonschema:"enum=COMPLETED"`
}

// ReportTaken is the outcome of a transcoder's report: whether it was applied, and if not, why.
type ReportTaken struct {
	Applied bool          `json:"applied"`
	Ignored media.Ignored `json:"ignored,omitempty"`
}

// TranscodingStatus is the state of the transcoding of an item.
type TranscodingStatus struct {
	Status               media.Status `json:"status"`
	TranscodingAttempts  int          `json:"transcodingAttempts"`
	TranscodingError     *string      `json:"transcodingError"`
	TranscodingErrorCode *string      `json:"transcodingErrorCode"`
	RunpodJobID          *string      `json:"runpodJobId"`
	TranscodingPriority  int          `json:"transcodingPriority"`
	TranscodingProgress  *int         `json:"transcodingProgress"`
	TranscodingStep      *string      `json:"transcodingStep"`
	// TranscodingSecondsLeft estimates the time until the job ends; null while it is unknown.
	TranscodingSecondsLeft *int     `json:"transcodingSecondsLeft"`
	ReadyVariants          []string `json:"readyVariants" jsonschema:"nullable"`
	// Playable says that there is something to play, perhaps not in all renditions yet.
	Playable bool `json:"playable"`
}

func transcodingStatusOf(i media.Item, now time.Time) TranscodingStatus {
	return TranscodingStatus{
		Status:                 i.Status,
		TranscodingAttempts:    i.Attempts,
		TranscodingError:       domain.NilIfZero(i.Error),
		TranscodingErrorCode:   domain.NilIfZero(i.ErrorCode),
		RunpodJobID:            domain.NilIfZero(i.JobID),
		TranscodingPriority:    i.Priority,
		TranscodingProgress:    i.Progress,
		TranscodingStep:        domain.NilIfZero(i.Step),
		TranscodingSecondsLeft: i.SecondsLeft(now),
		ReadyVariants:          i.ReadyVariants,
		Playable:               i.CanPlay(),
	}
}
