package wire

import (
	"time"

	"github.com/codex-platform/codex/domain/media"
)

// Media is a media item as its owner sees it. Nobody else does.
type Media struct {
	ID                   string       `json:"id"`
	CreatorID            string       `json:"creatorId"`
	Title                string       `json:"title"`
	Description          *string      `json:"description"`
	MediaType            media.Type   `json:"mediaType"`
	Status               media.Status `json:"status"`
	R2Key                string       `json:"r2Key"`
	FileSizeBytes        int64        `json:"fileSizeBytes"`
	MimeType             string       `json:"mimeType"`
	DurationSeconds      *int         `json:"durationSeconds"`
	Width                *int         `json:"width"`
	Height               *int         `json:"height"`
	HLSMasterPlaylistKey *string      `json:"hlsMasterPlaylistKey"`
	HLSPreviewKey        *string      `json:"hlsPreviewKey"`
	ThumbnailKey         *string      `json:"thumbnailKey"`
	WaveformKey          *string      `json:"waveformKey"`
	WaveformImageKey     *string      `json:"waveformImageKey"`
	ReadyVariants        []string     `json:"readyVariants"`
	TranscodingError     *string      `json:"transcodingError"`
	TranscodingErrorCode *string      `json:"transcodingErrorCode"`
	TranscodingAttempts  int          `json:"transcodingAttempts"`
	TranscodingProgress  *int         `json:"transcodingProgress"`
	TranscodingStep      *string      `json:"transcodingStep"`
	UploadedAt           *time.Time   `json:"uploadedAt"`
	CreatedAt            time.Time    `json:"createdAt"`
	UpdatedAt            time.Time    `json:"updatedAt"`
	DeletedAt            *time.Time   `json:"deletedAt"`
}

// MediaOf returns an item's representation for its owner.
func MediaOf(i media.Item) Media {
	return Media{
		ID: i.ID, CreatorID: i.CreatorID, Title: i.Title, Description: i.Description, MediaType: i.Type, Status: i.Status,
		R2Key: i.ObjectKey, FileSizeBytes: i.SizeBytes, MimeType: i.MimeType,
		DurationSeconds: i.DurationSeconds, Width: i.Width, Height: i.Height,
		HLSMasterPlaylistKey: nullable(i.MasterKey), HLSPreviewKey: nullable(i.PreviewKey), ThumbnailKey: nullable(i.ThumbnailKey),
		WaveformKey: nullable(i.WaveformKey), WaveformImageKey: nullable(i.WaveformImage), ReadyVariants: i.ReadyVariants,
		TranscodingError: nullable(i.Error), TranscodingErrorCode: nullable(i.ErrorCode), TranscodingAttempts: i.Attempts,
		TranscodingProgress: i.Progress, TranscodingStep: nullable(i.Step),
		UploadedAt: i.UploadedAt, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt, DeletedAt: i.DeletedAt,
	}
}

// RegisteredMedia is a new item together with the address for its file. The address is a credential: it is computed when
// the edge answers, and stored nowhere.
type RegisteredMedia struct {
	Media
	// PresignedURL takes one PUT of exactly the declared type and size, for an hour.
	PresignedURL string `json:"presignedUrl"`
}

// UploadCompleted is the answer to upload-complete.
type UploadCompleted struct {
	Success              bool         `json:"success"`
	TranscodingTriggered bool         `json:"transcodingTriggered"`
	Status               media.Status `json:"status"`
}

// TranscodingRetried is the answer to a retry.
type TranscodingRetried struct {
	Message string `json:"message"`
	MediaID string `json:"mediaId"`
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
	ReadyVariants        []string     `json:"readyVariants"`
}

// TranscodingStatusOf returns how far an item is.
func TranscodingStatusOf(i media.Item) TranscodingStatus {
	return TranscodingStatus{
		Status: i.Status, TranscodingAttempts: i.Attempts, TranscodingError: nullable(i.Error),
		TranscodingErrorCode: nullable(i.ErrorCode), RunpodJobID: nullable(i.JobID), TranscodingPriority: i.Priority,
		TranscodingProgress: i.Progress, TranscodingStep: nullable(i.Step), ReadyVariants: i.ReadyVariants,
	}
}
