package events

func init() {
	register[MediaRegistered]("A media item was registered; its file may now be uploaded.")
	register[MediaUploaded]("The file is in the store and was found to be what it claims to be.")
	register[MediaTranscodingStarted]("A transcoding job was started.")
	register[MediaTranscodingProgressed]("A transcoding job reported how far it is.")
	register[MediaPlayable]("A first rendition and all sound can be streamed; the other renditions follow.")
	register[MediaReady]("Every rendition is there; the media item can be streamed.")
	register[MediaFailed]("The file was rejected, or its transcoding ended without a result.")
	register[MediaRetried]("The owner requested another attempt.")
	register[MediaRevised]("What the creator wrote about a media item was changed.")
	register[MediaCaptionsSet]("The captions of a language were added or replaced.")
	register[MediaCaptionsRemoved]("The captions of a language were removed.")
	register[MediaChaptersSet]("The chapters of a media item were replaced by its creator.")
	register[CaptionsReady]("Captions that were in the file of a media item can be shown.")
	register[CaptionsFailed]("Captions that are in the file of a media item cannot be shown.")
	register[MediaDownloaded]("A viewer began to download the media of a content item.")
	register[MediaOutputsDiscarded]("A job delivered for a media item that is deleted; its objects are being removed.")
	register[MediaDeleted]("A media item was deleted; its objects are being removed.")
}

// MediaRegistered : waiting for its file.
type MediaRegistered struct {
	MediaID   string `json:"media_id"`
	CreatorID string `json:"creator_id"`
	MediaType string `json:"media_type"`
	MimeType  string `json:"mime_type"`
	// SizeBytes is the size the client declared.
	SizeBytes int64 `json:"size_bytes"`
}

// MediaUploaded : ready to be transcoded.
type MediaUploaded struct {
	MediaID   string `json:"media_id"`
	CreatorID string `json:"creator_id"`
	MediaType string `json:"media_type"`
	MimeType  string `json:"mime_type"`
	// ObjectKey is the key of the original in the media bucket.
	ObjectKey string `json:"object_key"`
	SizeBytes int64  `json:"size_bytes"`
	// Attempt counts transcoding attempts, from 1.
	Attempt int `json:"attempt"`
}

// MediaTranscodingStarted : a job was started. It is all that a transcoder needs.
type MediaTranscodingStarted struct {
	MediaID   string `json:"media_id"`
	CreatorID string `json:"creator_id"`
	MediaType string `json:"media_type"`
	MimeType  string `json:"mime_type"`
	ObjectKey string `json:"object_key"`
	// ETag is the version of the original that was examined; it is what must be transcoded.
	ETag string `json:"etag,omitempty"`
	// Checksum is what the client declared of the original: "sha256:" or "crc32c:" and the sum in
	// base64. A transcoder rejects an original that has another one.
	Checksum string `json:"checksum,omitempty"`
	// JobID names this attempt; a callback must quote it.
	JobID   string `json:"job_id"`
	Attempt int    `json:"attempt"`
	// Priority is 0 (urgent) to 4 (backlog).
	Priority int `json:"priority"`
}

// MediaTranscodingProgressed : how far a job is.
type MediaTranscodingProgressed struct {
	MediaID string `json:"media_id"`
	JobID   string `json:"job_id"`
	// Percent is 0 to 100 and never falls within one job.
	Percent int    `json:"percent"`
	Step    string `json:"step"`
	// SecondsLeft estimates when the job ends; it is missing until the job's pace is known.
	SecondsLeft *int `json:"seconds_left,omitempty"`
}

// MediaPlayable : it can be streamed in a first rendition, while its job goes on.
type MediaPlayable struct {
	MediaID         string   `json:"media_id"`
	CreatorID       string   `json:"creator_id"`
	MediaType       string   `json:"media_type"`
	JobID           string   `json:"job_id"`
	DurationSeconds int      `json:"duration_seconds"`
	ReadyVariants   []string `json:"ready_variants"`
}

// MediaReady : it can be streamed.
type MediaReady struct {
	MediaID         string   `json:"media_id"`
	CreatorID       string   `json:"creator_id"`
	MediaType       string   `json:"media_type"`
	JobID           string   `json:"job_id,omitempty"`
	DurationSeconds int      `json:"duration_seconds"`
	Width           int      `json:"width,omitempty"`
	Height          int      `json:"height,omitempty"`
	ReadyVariants   []string `json:"ready_variants"`
}

// MediaFailed : no result.
type MediaFailed struct {
	MediaID   string `json:"media_id"`
	CreatorID string `json:"creator_id"`
	JobID     string `json:"job_id,omitempty"`
	Attempt   int    `json:"attempt"`
	// Code is a stable reason, for example UNDECODABLE or TRANSCODING_STUCK.
	Code string `json:"code"`
	// Reason is a sentence for the owner; it never quotes the file's content.
	Reason string `json:"reason"`
}

// MediaRetried : another attempt was requested.
type MediaRetried struct {
	MediaID string `json:"media_id"`
	Attempt int    `json:"attempt"`
}

// MediaRevised : the fields that changed, not their content.
type MediaRevised struct {
	MediaID string   `json:"media_id"`
	Fields  []string `json:"fields"`
}

// MediaCaptionsSet : the captions of one language.
type MediaCaptionsSet struct {
	MediaID string `json:"media_id"`
	// Language is a BCP 47 tag.
	Language string `json:"language"`
	// Kind is "subtitles" or "captions".
	Kind string `json:"kind"`
}

// MediaCaptionsRemoved : the captions of one language.
type MediaCaptionsRemoved struct {
	MediaID string `json:"media_id"`
	// Language is a BCP 47 tag.
	Language string `json:"language"`
}

// MediaChaptersSet : how many there are now.
type MediaChaptersSet struct {
	MediaID string `json:"media_id"`
	Count   int    `json:"count"`
}

// CaptionsReady : the captions of one language.
type CaptionsReady struct {
	MediaID string `json:"media_id"`
	// Language is a BCP 47 tag.
	Language string `json:"language"`
	// Kind is "subtitles" or "captions".
	Kind string `json:"kind"`
}

// CaptionsFailed : one track of the file.
type CaptionsFailed struct {
	MediaID string `json:"media_id"`
	// Stream is the number of the track in the file, from 0.
	Stream int `json:"stream"`
	// Code is a stable reason, for example PICTURE_SUBTITLES.
	Code string `json:"code"`
}

// MediaDownloaded : a viewer began a download. Its aggregate is the download.
type MediaDownloaded struct {
	DownloadID string `json:"download_id"`
	ContentID  string `json:"content_id"`
	MediaID    string `json:"media_id"`
	CreatorID  string `json:"creator_id"`
	UserID     string `json:"user_id"`
	// SizeBytes is the size of the whole file.
	SizeBytes int64 `json:"size_bytes"`
}

// MediaOutputsDiscarded : late outputs of a deleted item are being removed.
type MediaOutputsDiscarded struct {
	MediaID   string `json:"media_id"`
	CreatorID string `json:"creator_id"`
	JobID     string `json:"job_id"`
}

// MediaDeleted : its objects are being removed.
type MediaDeleted struct {
	MediaID   string `json:"media_id"`
	CreatorID string `json:"creator_id"`
}

// EventType implements Payload.
func (MediaRegistered) EventType() string { return "media.registered" }

// EventType implements Payload.
func (MediaUploaded) EventType() string { return "media.uploaded" }

// EventType implements Payload.
func (MediaTranscodingStarted) EventType() string { return "media.transcoding_started" }

// EventType implements Payload.
func (MediaTranscodingProgressed) EventType() string { return "media.transcoding_progressed" }

// EventType implements Payload.
func (MediaPlayable) EventType() string { return "media.playable" }

// EventType implements Payload.
func (MediaReady) EventType() string { return "media.ready" }

// EventType implements Payload.
func (MediaFailed) EventType() string { return "media.failed" }

// EventType implements Payload.
func (MediaRetried) EventType() string { return "media.retried" }

// EventType implements Payload.
func (MediaRevised) EventType() string { return "media.revised" }

// EventType implements Payload.
func (MediaCaptionsSet) EventType() string { return "media.captions_set" }

// EventType implements Payload.
func (MediaCaptionsRemoved) EventType() string { return "media.captions_removed" }

// EventType implements Payload.
func (MediaChaptersSet) EventType() string { return "media.chapters_set" }

// EventType implements Payload.
func (CaptionsReady) EventType() string { return "captions.ready" }

// EventType implements Payload.
func (CaptionsFailed) EventType() string { return "captions.failed" }

// EventType implements Payload.
func (MediaDownloaded) EventType() string { return "media.downloaded" }

// EventType implements Payload.
func (MediaOutputsDiscarded) EventType() string { return "media.outputs_discarded" }

// EventType implements Payload.
func (MediaDeleted) EventType() string { return "media.deleted" }
