package media

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/codex-platform/codex/domain"
)

// Limits on input, from the contract.
const (
	maxTitle             = 255
	maxDescription       = 5000
	maxDescriptionUpdate = 2000
	maxDurationSeconds   = 86_400
	maxWidth             = 7680
	maxHeight            = 4320
	maxErrorText         = 2000
)

// Register asks for a new item that waits for its file.
type Register struct {
	Title         string  `json:"title"`
	Description   *string `json:"description,omitempty"`
	MediaType     Type    `json:"mediaType"`
	MimeType      string  `json:"mimeType"`
	FileSizeBytes int64   `json:"fileSizeBytes"`
	// R2Key is honoured in development, when it is a valid key; otherwise the key is ours.
	R2Key string `json:"r2Key,omitempty"`
}

// Validate implements the edge's check of input.
func (r Register) Validate() []domain.Field {
	var bad []domain.Field
	bad = checkTitle(bad, r.Title)
	bad = checkText(bad, "description", r.Description, maxDescription)
	if !r.MediaType.Valid() {
		bad = append(bad, domain.Field{Path: "mediaType", Message: "must be video or audio"})
	}
	switch declared := typeOfMime(r.MimeType); {
	case declared == "":
		bad = append(bad, domain.Field{Path: "mimeType", Message: "is not a type that can be uploaded"})
	case r.MediaType.Valid() && declared != r.MediaType:
		bad = append(bad, domain.Field{Path: "mimeType", Message: "does not agree with mediaType"})
	}
	if r.FileSizeBytes < 1 || r.FileSizeBytes > MaxUploadBytes {
		bad = append(bad, domain.Field{Path: "fileSizeBytes", Message: "must be from 1 to " + strconv.Itoa(MaxUploadBytes)})
	}
	if len(r.R2Key) > maxKeyLength {
		bad = append(bad, domain.Field{Path: "r2Key", Message: "must have at most 500 characters"})
	}
	return bad
}

// CompleteUpload says that the object is there and was found to be what was declared. The edge examines, then asks.
type CompleteUpload struct {
	ETag      string `json:"etag"`
	SizeBytes int64  `json:"sizeBytes"`
}

// Reject says that the uploaded object is not what was declared, and why.
type Reject struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// Retry asks for another attempt.
type Retry struct{}

// Delete asks for the end of an item.
type Delete struct{}

// Update changes what the creator wrote about an item. The fields after Description are for test clients, in development.
type Update struct {
	Title       *string `json:"title,omitempty"`
	Description *string `json:"description,omitempty"`

	Status               *Status    `json:"status,omitempty"`
	R2Key                *string    `json:"r2Key,omitempty"`
	FileSizeBytes        *int64     `json:"fileSizeBytes,omitempty"`
	MimeType             *string    `json:"mimeType,omitempty"`
	DurationSeconds      *int       `json:"durationSeconds,omitempty"`
	Width                *int       `json:"width,omitempty"`
	Height               *int       `json:"height,omitempty"`
	HLSMasterPlaylistKey *string    `json:"hlsMasterPlaylistKey,omitempty"`
	HLSPreviewKey        *string    `json:"hlsPreviewKey,omitempty"`
	ThumbnailKey         *string    `json:"thumbnailKey,omitempty"`
	WaveformKey          *string    `json:"waveformKey,omitempty"`
	WaveformImageKey     *string    `json:"waveformImageKey,omitempty"`
	ReadyVariants        []string   `json:"readyVariants,omitempty"`
	UploadedAt           *time.Time `json:"uploadedAt,omitempty"`
}

// Validate implements the edge's check of input.
func (u Update) Validate() []domain.Field {
	var bad []domain.Field
	if u.Title != nil {
		bad = checkTitle(bad, *u.Title)
	}
	bad = checkText(bad, "description", u.Description, maxDescriptionUpdate)
	if u.Status != nil && !u.Status.Valid() {
		bad = append(bad, domain.Field{Path: "status", Message: "is not one of the statuses"})
	}
	bad = checkRange(bad, "durationSeconds", u.DurationSeconds, 0, maxDurationSeconds)
	bad = checkRange(bad, "width", u.Width, 1, maxWidth)
	bad = checkRange(bad, "height", u.Height, 1, maxHeight)
	if u.FileSizeBytes != nil && (*u.FileSizeBytes < 1 || *u.FileSizeBytes > MaxUploadBytes) {
		bad = append(bad, domain.Field{Path: "fileSizeBytes", Message: "must be from 1 to " + strconv.Itoa(MaxUploadBytes)})
	}
	if u.MimeType != nil && typeOfMime(*u.MimeType) == "" {
		bad = append(bad, domain.Field{Path: "mimeType", Message: "is not a type that can be uploaded"})
	}
	for _, key := range u.keys() {
		if key.value != nil && !SafeKey(*key.value) {
			bad = append(bad, domain.Field{Path: key.name, Message: "is not an acceptable object key"})
		}
	}
	return checkVariants(bad, "readyVariants", u.ReadyVariants)
}

type namedKey struct {
	name  string
	value *string
}

func (u Update) keys() []namedKey {
	return []namedKey{
		{"r2Key", u.R2Key},
		{"hlsMasterPlaylistKey", u.HLSMasterPlaylistKey},
		{"hlsPreviewKey", u.HLSPreviewKey},
		{"thumbnailKey", u.ThumbnailKey},
		{"waveformKey", u.WaveformKey},
		{"waveformImageKey", u.WaveformImageKey},
	}
}

// forced names the fields that only development permits.
func (u Update) forced() []string {
	var names []string
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"status", u.Status != nil},
		{"fileSizeBytes", u.FileSizeBytes != nil},
		{"mimeType", u.MimeType != nil},
		{"durationSeconds", u.DurationSeconds != nil},
		{"width", u.Width != nil},
		{"height", u.Height != nil},
		{"readyVariants", u.ReadyVariants != nil},
		{"uploadedAt", u.UploadedAt != nil},
	} {
		if field.set {
			names = append(names, field.name)
		}
	}
	for _, key := range u.keys() {
		if key.value != nil {
			names = append(names, key.name)
		}
	}
	return names
}

// RecordProgress says how far a job is.
type RecordProgress struct {
	JobID   string `json:"jobId"`
	Percent int    `json:"percent"`
	Step    string `json:"step"`
}

// RecordResult says what a job made.
type RecordResult struct {
	JobID  string `json:"jobId"`
	Output Output `json:"output"`
}

// RecordFailure says that a job ended without a result.
type RecordFailure struct {
	JobID string `json:"jobId"`
	// Error is "CODE: sentence" when our own transcoder wrote it, any text otherwise.
	Error string `json:"error"`
}

// FailStuck takes a job for dead that gave no sign of life since SeenAt.
type FailStuck struct {
	JobID  string    `json:"jobId"`
	SeenAt time.Time `json:"seenAt"`
}

func checkTitle(bad []domain.Field, title string) []domain.Field {
	if n := utf8.RuneCountInString(title); n > maxTitle || strings.TrimSpace(title) == "" {
		return append(bad, domain.Field{Path: "title", Message: "must have 1 to 255 characters"})
	}
	return bad
}

func checkText(bad []domain.Field, path string, text *string, limit int) []domain.Field {
	if text != nil && utf8.RuneCountInString(*text) > limit {
		return append(bad, domain.Field{Path: path, Message: "must have at most " + strconv.Itoa(limit) + " characters"})
	}
	return bad
}

func checkRange(bad []domain.Field, path string, n *int, low, high int) []domain.Field {
	if n != nil && (*n < low || *n > high) {
		return append(bad, domain.Field{Path: path, Message: "must be from " + strconv.Itoa(low) + " to " + strconv.Itoa(high)})
	}
	return bad
}

// The machines that send commands: who reports on jobs, and who takes silent ones for dead.
const (
	ActorTranscoder = "transcoder"
	ActorSystem     = "system"
)
