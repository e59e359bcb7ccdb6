package media

import (
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
	CommandRecordPlayable = "media.record_playable"
	CommandRecordResult   = "media.record_result"
	CommandRecordFailure  = "media.record_failure"
	CommandFailStuck      = "media.fail_stuck"
)

// maxErrorText is the length of an error text in bytes. Other limits are in the tags of fields.
const maxErrorText = 2000

// Register registers an item that waits for its file.
type Register struct {
	Title         string  `json:"title" jsonschema:"required,minLength=1,maxLength=255,example=Rehearsal in March"`
	Description   *string `json:"description,omitempty" jsonschema:"maxLength=5000"`
	MediaType     Type    `json:"mediaType" jsonschema:"required,enum=video,enum=audio,example=video"`
	MimeType      string  `json:"mimeType" jsonschema:"required,enum=video/mp4,enum=video/quicktime,enum=video/x-msvideo,enum=video/webm,enum=audio/mpeg,enum=audio/mp4,enum=audio/wav,enum=audio/webm,enum=audio/ogg,enum=video/x-matroska,enum=video/mp2t,enum=video/mpeg,enum=video/ogg,enum=audio/flac,enum=audio/aiff,enum=audio/aac,example=video/mp4"`
	FileSizeBytes int64   `json:"fileSizeBytes" jsonschema:"required,minimum=1,maximum=5368709120,example=1048576"`
	// Checksum is optional. The stored file must have it.
	Checksum Checksum `json:"checksum,omitempty" jsonschema:"maxLength=60,pattern=^(sha256:[A-Za-z0-9+/]{43}=|crc32c:[A-Za-z0-9+/]{6}==)$,example=crc32c:4waSgw==" rule:"must be sha256: or crc32c: and the sum in base64"`
	// R2Key is used in development when it is a valid key; otherwise the platform chooses one.
	R2Key string `json:"r2Key,omitempty" jsonschema:"maxLength=500,pattern=^[A-Za-z0-9/_-]+(\\.[A-Za-z0-9]+)?$" rule:"must be letters, digits, slashes, _ and -, and one extension at most"`
}

// Validate trims the title, gives the MIME type its canonical name, and returns the fields that
// break the contract's limits.
func (r *Register) Validate() []domain.Field {
	r.Title = domain.Name(r.Title)
	r.MimeType = CanonicalType(r.MimeType, r.MediaType)
	v := domain.Validate(r)
	v.Name("title", r.Title)
	bad := r.Checksum.check(v.Fields)
	if declared := typeOfMime(r.MimeType); declared != "" && r.MediaType.Valid() && declared != r.MediaType {
		bad = append(bad, domain.Field{Path: "mimeType", Message: "does not agree with mediaType"})
	}
	return bad
}

// Completion ends an upload.
type Completion struct {
	// Checksum replaces the one of the registration.
	Checksum Checksum `json:"checksum,omitempty" jsonschema:"maxLength=60,pattern=^(sha256:[A-Za-z0-9+/]{43}=|crc32c:[A-Za-z0-9+/]{6}==)$" rule:"must be sha256: or crc32c: and the sum in base64"`
}

// Validate returns the fields that break the limits.
func (c Completion) Validate() []domain.Field { return c.Checksum.check(domain.Check(c)) }

// CompleteUpload completes an upload whose object the edge has found to be the declared one.
type CompleteUpload struct {
	ETag      string `json:"etag"`
	SizeBytes int64  `json:"sizeBytes"`
	// Checksum is what the client declared; the transcoder verifies it as well.
	Checksum Checksum `json:"checksum,omitempty"`
}

// Reject says why the uploaded object is not the declared one.
type Reject struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// Retry requests another attempt.
type Retry struct{}

// Transcode starts the job of an uploaded item.
type Transcode struct {
	// Priority is 0 (urgent) to 4 (backlog); absent is [DefaultPriority].
	Priority *int `json:"priority,omitempty" jsonschema:"minimum=0,maximum=4,example=1"`
}

// Validate returns the fields that break the contract's limits.
func (t Transcode) Validate() []domain.Field { return domain.Check(t) }

// Delete deletes an item.
type Delete struct{}

// Update changes an item. The fields after Description are for test clients in development.
type Update struct {
	Title       *string `json:"title,omitempty" jsonschema:"minLength=1,maxLength=255,example=Rehearsal in April"`
	Description *string `json:"description,omitempty" jsonschema:"maxLength=2000"`

	Status               *Status    `json:"status,omitempty" jsonschema:"enum=uploading,enum=uploaded,enum=transcoding,enum=ready,enum=failed"`
	R2Key                *string    `json:"r2Key,omitempty" jsonschema:"maxLength=500"`
	FileSizeBytes        *int64     `json:"fileSizeBytes,omitempty" jsonschema:"minimum=1,maximum=5368709120"`
	MimeType             *string    `json:"mimeType,omitempty" jsonschema:"enum=video/mp4,enum=video/quicktime,enum=video/x-msvideo,enum=video/webm,enum=audio/mpeg,enum=audio/mp4,enum=audio/wav,enum=audio/webm,enum=audio/ogg,enum=video/x-matroska,enum=video/mp2t,enum=video/mpeg,enum=video/ogg,enum=audio/flac,enum=audio/aiff,enum=audio/aac"`
	DurationSeconds      *int       `json:"durationSeconds,omitempty" jsonschema:"minimum=0,maximum=86400"`
	Width                *int       `json:"width,omitempty" jsonschema:"minimum=1,maximum=7680"`
	Height               *int       `json:"height,omitempty" jsonschema:"minimum=1,maximum=4320"`
	HLSMasterPlaylistKey *string    `json:"hlsMasterPlaylistKey,omitempty" jsonschema:"maxLength=500"`
	HLSPreviewKey        *string    `json:"hlsPreviewKey,omitempty" jsonschema:"maxLength=500"`
	ThumbnailKey         *string    `json:"thumbnailKey,omitempty" jsonschema:"maxLength=500"`
	WaveformKey          *string    `json:"waveformKey,omitempty" jsonschema:"maxLength=500"`
	WaveformImageKey     *string    `json:"waveformImageKey,omitempty" jsonschema:"maxLength=500"`
	ReadyVariants        []string   `json:"readyVariants,omitempty" jsonschema:"maxItems=10" each:"enum=2160p,enum=1440p,enum=1080p,enum=720p,enum=480p,enum=360p,enum=240p,enum=source,enum=audio"`
	UploadedAt           *time.Time `json:"uploadedAt,omitempty"`
}

// Validate trims the title and returns the fields that break the contract's limits.
func (u *Update) Validate() []domain.Field {
	if u.Title != nil {
		title := domain.Name(*u.Title)
		u.Title = &title
	}
	v := domain.Validate(u)
	if u.Title != nil {
		v.Name("title", *u.Title)
	}
	return checkKeys(v.Fields, u.keys())
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

// forced returns the names of the fields that only development permits.
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

// RecordProgress reports the progress of a job.
type RecordProgress struct {
	JobID   string `json:"jobId"`
	Percent int    `json:"percent"`
	Step    string `json:"step"`
}

// RecordPlayable reports that the first renditions of a job are stored.
type RecordPlayable struct {
	JobID  string `json:"jobId"`
	Output Output `json:"output"`
}

// RecordResult reports the result of a job.
type RecordResult struct {
	JobID  string `json:"jobId"`
	Output Output `json:"output"`
	// Chapters are those of the file.
	Chapters []Chapter `json:"chapters,omitempty"`
}

// RecordFailure reports the failure of a job.
type RecordFailure struct {
	JobID string `json:"jobId"`
	// Error is "CODE: sentence" by the platform's own transcoder, any text by another one.
	Error string `json:"error"`
}

// FailStuck fails a job that was silent since SeenAt.
type FailStuck struct {
	JobID  string    `json:"jobId"`
	SeenAt time.Time `json:"seenAt"`
}

// checkKeys adds the keys that are not safe in paths and URLs. The tags limit their length.
func checkKeys(bad []domain.Field, keys []namedKey) []domain.Field {
	for _, key := range keys {
		if key.value != nil && len(*key.value) <= maxKeyLength && !SafeKey(*key.value) {
			bad = append(bad, domain.Field{Path: key.name, Message: "is not an acceptable object key"})
		}
	}
	return bad
}

// The actors of commands that no user sends: transcoders, and the platform.
const (
	ActorTranscoder = "transcoder"
	ActorSystem     = "system"
)
