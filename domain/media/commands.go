package media

import (
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
)

// The names of the commands. Their payloads are the structs of the same names.
const (
	CommandRegister       = "media.register"
	CommandCompleteUpload = "media.complete_upload"
	CommandReject         = "media.reject"
	CommandUpdate         = "media.update"
	CommandRetry          = "media.retry"
	CommandDelete         = "media.delete"
	CommandTranscode      = "media.transcode"
	CommandRecordProgress = "media.record_progress"
	CommandRecordResult   = "media.record_result"
	CommandRecordFailure  = "media.record_failure"
	CommandFailStuck      = "media.fail_stuck"
)

// Limits of what is checked by hand; those of fields stand in the fields' tags.
const maxErrorText = 2000

// Register asks for a new item that waits for its file.
type Register struct {
	Title         string  `json:"title" jsonschema:"required,minLength=1,maxLength=255,example=Rehearsal in March"`
	Description   *string `json:"description,omitempty" jsonschema:"maxLength=5000"`
	MediaType     Type    `json:"mediaType" jsonschema:"required,enum=video,enum=audio,example=video"`
	MimeType      string  `json:"mimeType" jsonschema:"required,enum=video/mp4,enum=video/quicktime,enum=video/x-msvideo,enum=video/webm,enum=audio/mpeg,enum=audio/mp4,enum=audio/wav,enum=audio/webm,enum=audio/ogg,example=video/mp4"`
	FileSizeBytes int64   `json:"fileSizeBytes" jsonschema:"required,minimum=1,maximum=5368709120,example=1048576"`
	// R2Key is honoured in development, when it is a valid key; otherwise the key is ours.
	R2Key string `json:"r2Key,omitempty" jsonschema:"maxLength=500,pattern=^[A-Za-z0-9/_-]+(\\.[A-Za-z0-9]+)?$" rule:"must be letters, digits, slashes, _ and -, and one extension at most"`
}

// Validate trims the title and returns the fields that break the contract's limits.
func (r *Register) Validate() []domain.Field {
	r.Title = strings.TrimSpace(r.Title)
	bad := domain.Check(r)
	if declared := typeOfMime(r.MimeType); declared != "" && r.MediaType.Valid() && declared != r.MediaType {
		bad = append(bad, domain.Field{Path: "mimeType", Message: "does not agree with mediaType"})
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

// Transcode asks for a job for an item whose file is there.
type Transcode struct {
	// Priority is 0 (urgent) to 4 (backlog); absent is [DefaultPriority].
	Priority *int `json:"priority,omitempty" jsonschema:"minimum=0,maximum=4,example=1"`
}

// Validate returns the fields that break the contract's limits.
func (t Transcode) Validate() []domain.Field { return domain.Check(t) }

// Delete asks for the end of an item.
type Delete struct{}

// Update changes what the creator wrote about an item. The fields after Description are for test
// clients, in development.
type Update struct {
	Title       *string `json:"title,omitempty" jsonschema:"minLength=1,maxLength=255,example=Rehearsal in April"`
	Description *string `json:"description,omitempty" jsonschema:"maxLength=2000"`

	Status               *Status    `json:"status,omitempty" jsonschema:"enum=uploading,enum=uploaded,enum=transcoding,enum=ready,enum=failed"`
	R2Key                *string    `json:"r2Key,omitempty" jsonschema:"maxLength=500"`
	FileSizeBytes        *int64     `json:"fileSizeBytes,omitempty" jsonschema:"minimum=1,maximum=5368709120"`
	MimeType             *string    `json:"mimeType,omitempty" jsonschema:"enum=video/mp4,enum=video/quicktime,enum=video/x-msvideo,enum=video/webm,enum=audio/mpeg,enum=audio/mp4,enum=audio/wav,enum=audio/webm,enum=audio/ogg"`
	DurationSeconds      *int       `json:"durationSeconds,omitempty" jsonschema:"minimum=0,maximum=86400"`
	Width                *int       `json:"width,omitempty" jsonschema:"minimum=1,maximum=7680"`
	Height               *int       `json:"height,omitempty" jsonschema:"minimum=1,maximum=4320"`
	HLSMasterPlaylistKey *string    `json:"hlsMasterPlaylistKey,omitempty" jsonschema:"maxLength=500"`
	HLSPreviewKey        *string    `json:"hlsPreviewKey,omitempty" jsonschema:"maxLength=500"`
	ThumbnailKey         *string    `json:"thumbnailKey,omitempty" jsonschema:"maxLength=500"`
	WaveformKey          *string    `json:"waveformKey,omitempty" jsonschema:"maxLength=500"`
	WaveformImageKey     *string    `json:"waveformImageKey,omitempty" jsonschema:"maxLength=500"`
	ReadyVariants        []string   `json:"readyVariants,omitempty" jsonschema:"maxItems=10" each:"enum=1080p,enum=720p,enum=480p,enum=360p,enum=source,enum=audio"`
	UploadedAt           *time.Time `json:"uploadedAt,omitempty"`
}

// Validate trims the title and returns the fields that break the contract's limits.
func (u *Update) Validate() []domain.Field {
	if u.Title != nil {
		title := strings.TrimSpace(*u.Title)
		u.Title = &title
	}
	return checkKeys(domain.Check(u), u.keys())
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

// checkKeys refuses keys that could be mistaken for something else where keys become paths or
// URLs. One that is too long was refused before.
func checkKeys(bad []domain.Field, keys []namedKey) []domain.Field {
	for _, key := range keys {
		if key.value != nil && len(*key.value) <= maxKeyLength && !SafeKey(*key.value) {
			bad = append(bad, domain.Field{Path: key.name, Message: "is not an acceptable object key"})
		}
	}
	return bad
}

// The machines that send commands: who reports on jobs, and who takes silent ones for dead.
const (
	ActorTranscoder = "transcoder"
	ActorSystem     = "system"
)
