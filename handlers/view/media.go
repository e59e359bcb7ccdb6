package view

import (
	"time"

	"github.com/codex-platform/codex/domain"
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
	// PosterURL is the poster that the creator chose, null for the automatic one.
	PosterURL        *string  `json:"posterUrl"`
	WaveformKey      *string  `json:"waveformKey"`
	WaveformImageKey *string  `json:"waveformImageKey"`
	ReadyVariants    []string `json:"readyVariants" jsonschema:"nullable"`
	// Playable says that there is something to play: the item is ready, or its first rendition is.
	Playable             bool    `json:"playable"`
	TranscodingError     *string `json:"transcodingError"`
	TranscodingErrorCode *string `json:"transcodingErrorCode"`
	TranscodingAttempts  int     `json:"transcodingAttempts"`
	TranscodingProgress  *int    `json:"transcodingProgress"`
	TranscodingStep      *string `json:"transcodingStep"`
	// Notes say what of the file was left out, for example subtitles that are pictures.
	Notes      []media.Note `json:"notes"`
	UploadedAt *time.Time   `json:"uploadedAt"`
	CreatedAt  time.Time    `json:"createdAt"`
	UpdatedAt  time.Time    `json:"updatedAt"`
	DeletedAt  *time.Time   `json:"deletedAt"`
}

// MediaOf returns an item's representation for its owner.
func MediaOf(i media.Item) Media {
	return Media{
		ID:              i.ID,
		CreatorID:       i.CreatorID,
		Title:           i.Title,
		Description:     i.Description,
		MediaType:       i.Type,
		Status:          i.Status,
		R2Key:           i.ObjectKey,
		FileSizeBytes:   i.SizeBytes,
		MimeType:        i.MimeType,
		DurationSeconds: i.DurationSeconds,
		Width:           i.Width,
		Height:          i.Height,
		HLSMasterPlaylistKey: domain.NilIfZero(
			i.MasterKey,
		),
		HLSPreviewKey: domain.NilIfZero(i.PreviewKey),
		ThumbnailKey:  domain.NilIfZero(i.ThumbnailKey),
		PosterURL:     i.PosterURL,
		WaveformKey: domain.NilIfZero(
			i.WaveformKey,
		),
		WaveformImageKey: domain.NilIfZero(i.WaveformImage),
		ReadyVariants:    i.ReadyVariants,
		Playable:         i.CanPlay(),
		TranscodingError: domain.NilIfZero(
			i.Error,
		),
		TranscodingErrorCode: domain.NilIfZero(i.ErrorCode),
		TranscodingAttempts:  i.Attempts,
		TranscodingProgress:  i.Progress,
		TranscodingStep:      domain.NilIfZero(i.Step),
		Notes:                append([]media.Note{}, i.Notes...),
		UploadedAt:           i.UploadedAt,
		CreatedAt:            i.CreatedAt,
		UpdatedAt:            i.UpdatedAt,
		DeletedAt:            i.DeletedAt,
	}
}
