package media

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/signature"
)

// Headers of a transcoder's callback.
const (
	SignatureHeader = "X-Runpod-Signature"
	TimestampHeader = "X-Runpod-Timestamp"
)

// callbackTolerance is the age and clock skew of accepted callbacks.
var callbackTolerance = signature.Tolerance{Age: 300 * time.Second, Skew: 60 * time.Second}

// CallbackStatus is the kind of a callback.
type CallbackStatus string

// The kinds of callbacks.
const (
	CallbackCompleted CallbackStatus = "completed"
	CallbackFailed    CallbackStatus = "failed"
	CallbackProgress  CallbackStatus = "progress"
	CallbackPlayable  CallbackStatus = "playable"
)

// Callback is the report of a transcoder. Status selects the fields that count; unknown fields are
// ignored.
type Callback struct {
	Status  CallbackStatus `json:"status" jsonschema:"required,enum=completed,enum=failed,enum=progress,enum=playable,example=progress"`
	JobID   string         `json:"jobId" jsonschema:"required,minLength=1,maxLength=255,example=5a5b1c9e-0f5c-5d0e-8f3c-2b1c9c52d7aa"`
	MediaID string         `json:"mediaId,omitempty"`
	// Output belongs to completed and playable. A completed callback without one is a failure. That of
	// playable has a master playlist of the renditions that are stored already.
	Output *Output `json:"output,omitempty"`
	// Error belongs to failed.
	Error string `json:"error,omitempty" jsonschema:"maxLength=2000"`
	// Progress (0 to 100) and Step belong to progress.
	Progress *int   `json:"progress,omitempty" jsonschema:"minimum=0,maximum=100,example=40"`
	Step     string `json:"step,omitempty" jsonschema:"enum=downloading,enum=probing,enum=mezzanine,enum=loudness,enum=encoding_variants,enum=preview,enum=thumbnails,enum=waveform,enum=uploading_outputs,enum=finalizing,enum=waiting_for_space,example=preview"`
	// SentAt belongs to progress. It makes a repeated report another one, which shows that the job is alive.
	SentAt *time.Time `json:"sentAt,omitempty"`
}

// Output is the result of a job. Keys are null where the type of media has no such object.
type Output struct {
	MediaID          string  `json:"mediaId"`
	Type             Type    `json:"type" jsonschema:"required,enum=video,enum=audio"`
	HLSMasterKey     *string `json:"hlsMasterKey" jsonschema:"maxLength=500"`
	HLSPreviewKey    *string `json:"hlsPreviewKey" jsonschema:"maxLength=500"`
	ThumbnailKey     *string `json:"thumbnailKey" jsonschema:"maxLength=500"`
	WaveformKey      *string `json:"waveformKey" jsonschema:"maxLength=500"`
	WaveformImageKey *string `json:"waveformImageKey" jsonschema:"maxLength=500"`
	// AudioKey is the sound in one file, for podcast apps, and AudioBytes its size.
	AudioKey     *string `json:"audioKey" jsonschema:"maxLength=500"`
	AudioBytes   *int64  `json:"audioBytes" jsonschema:"minimum=1,maximum=9007199254740991"`
	MezzanineKey *string `json:"mezzanineKey" jsonschema:"maxLength=500"`
	// WaveformOverviewKey is the waveform in few points.
	WaveformOverviewKey *string            `json:"waveformOverviewKey,omitempty" jsonschema:"maxLength=500"`
	Storyboard          *Storyboard        `json:"storyboard,omitempty"`
	ThumbnailVariants   *ThumbnailVariants `json:"thumbnailVariants"`
	// DurationSeconds is above 0 and rounded to at least a second.
	DurationSeconds float64  `json:"durationSeconds" jsonschema:"required,minimum=0,maximum=86400"`
	Width           *int     `json:"width" jsonschema:"minimum=1,maximum=7680"`
	Height          *int     `json:"height" jsonschema:"minimum=1,maximum=4320"`
	ReadyVariants   []string `json:"readyVariants" jsonschema:"maxItems=10" each:"enum=2160p,enum=1440p,enum=1080p,enum=720p,enum=480p,enum=360p,enum=240p,enum=source,enum=audio"`
	// Loudness in hundredths of LUFS, dBTP and LU.
	LoudnessIntegrated *int `json:"loudnessIntegrated" jsonschema:"minimum=-10000,maximum=1000"`
	LoudnessPeak       *int `json:"loudnessPeak" jsonschema:"minimum=-10000,maximum=2000"`
	LoudnessRange      *int `json:"loudnessRange" jsonschema:"minimum=0,maximum=50000"`
	// Captions are the subtitles of the file that are text, and Notes what of it was left out.
	Captions []OutputCaptions `json:"captions,omitempty" jsonschema:"maxItems=20"`
	Notes    []Note           `json:"notes,omitempty" jsonschema:"maxItems=64"`
	// ChaptersKey is the object with the chapters of the file, as JSON chapters of Podcasting 2.0.
	ChaptersKey *string `json:"chaptersKey,omitempty" jsonschema:"maxLength=500"`
}

// ThumbnailVariants are the keys of the thumbnails in the assets bucket. They follow from the item
// and are not stored.
type ThumbnailVariants struct {
	SM string `json:"sm" jsonschema:"maxLength=500"`
	MD string `json:"md" jsonschema:"maxLength=500"`
	LG string `json:"lg" jsonschema:"maxLength=500"`
}

func (o Output) keys() []namedKey {
	keys := []namedKey{
		{"output.hlsMasterKey", o.HLSMasterKey},
		{"output.hlsPreviewKey", o.HLSPreviewKey},
		{"output.thumbnailKey", o.ThumbnailKey},
		{"output.waveformKey", o.WaveformKey},
		{"output.waveformImageKey", o.WaveformImageKey},
		{"output.audioKey", o.AudioKey},
		{"output.mezzanineKey", o.MezzanineKey},
		{"output.chaptersKey", o.ChaptersKey},
		{"output.waveformOverviewKey", o.WaveformOverviewKey},
	}
	if o.Storyboard != nil {
		keys = append(keys, namedKey{"output.storyboard.key", &o.Storyboard.Key})
	}
	for n := range o.Captions {
		keys = append(keys, namedKey{fmt.Sprintf("output.captions.%d.key", n), &o.Captions[n].Key})
	}
	return keys
}

func (o Output) loudness() *Loudness {
	if o.LoudnessIntegrated == nil || o.LoudnessPeak == nil || o.LoudnessRange == nil {
		return nil
	}
	return &Loudness{Integrated: *o.LoudnessIntegrated, Peak: *o.LoudnessPeak, Range: *o.LoudnessRange}
}

// Validate checks the fields that count for the status.
func (c Callback) Validate() []domain.Field {
	counted := Callback{Status: c.Status, JobID: c.JobID}
	switch c.Status {
	case CallbackCompleted, CallbackPlayable:
		counted.Output = c.Output
	case CallbackFailed:
		counted.Error = c.Error
	case CallbackProgress:
		counted.Progress, counted.Step = c.Progress, c.Step
	}
	bad := domain.Check(counted)
	if c.Status == CallbackProgress && c.Progress == nil {
		bad = append(bad, domain.Field{Path: "progress", Message: "is required"})
	}
	if c.Status == CallbackProgress && c.Step == "" {
		bad = append(bad, domain.Field{Path: "step", Message: "is required"})
	}
	if c.Status == CallbackPlayable && (c.Output == nil || c.Output.HLSMasterKey == nil) {
		bad = append(bad, domain.Field{Path: "output.hlsMasterKey", Message: "is required"})
	}
	if out := counted.Output; out != nil {
		if out.DurationSeconds == 0 {
			bad = append(bad, domain.Field{Path: "output.durationSeconds", Message: "must be above 0"})
		}
		bad = checkKeys(bad, out.keys())
	}
	return bad
}

// Sign returns the signature of a callback: hex HMAC-SHA-256 over "{unix seconds}.{raw body}".
func Sign(secret []byte, timestamp string, body []byte) string {
	return hex.EncodeToString(signature.Sum(secret, callbackParts(timestamp, body)...))
}

func callbackParts(timestamp string, body []byte) [][]byte {
	return [][]byte{[]byte(timestamp), {'.'}, body}
}

// Verify checks the signature and the age of a callback. Several secrets are valid during a
// rotation; all are compared, in constant time. The errors are 401 with the codes of the contract.
func Verify(secrets [][]byte, given, timestamp string, body []byte, now time.Time) error {
	if given == "" {
		return unsigned("MISSING_SIGNATURE", "The callback is not signed")
	}

	switch err := callbackTolerance.Check(timestamp, now); {
	case err == nil:
	case errors.Is(err, signature.ErrNoTimestamp):
		return unsigned("MISSING_TIMESTAMP", "The callback has no timestamp")
	case errors.Is(err, signature.ErrExpired):
		return unsigned("TIMESTAMP_EXPIRED", "The callback is too old")
	case errors.Is(err, signature.ErrFuture):
		return unsigned("TIMESTAMP_FUTURE", "The callback comes from the future")
	default:
		return unsigned("INVALID_TIMESTAMP", "The callback's timestamp is not in whole seconds")
	}

	mac, err := hex.DecodeString(given)
	if err != nil || !signature.Sums(secrets, callbackParts(timestamp, body)...).Match(mac) {
		return unsigned("INVALID_SIGNATURE", "The callback's signature is wrong")
	}
	return nil
}

func unsigned(reason, message string) error { return newError(domain.Unauthorized, reason, message) }
