package media

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/codex-platform/codex/domain"
)

// Headers of a transcoder's callback, and how far its clock may be from ours.
const (
	SignatureHeader = "X-Runpod-Signature"
	TimestampHeader = "X-Runpod-Timestamp"

	callbackMaxAge  = 300 // seconds
	callbackMaxSkew = 60  // seconds ahead of us
)

// CallbackStatus says which kind of callback one is.
type CallbackStatus string

// The kinds of callbacks.
const (
	CallbackCompleted CallbackStatus = "completed"
	CallbackFailed    CallbackStatus = "failed"
	CallbackProgress  CallbackStatus = "progress"
)

// Callback is what a transcoder reports. Which fields count depends on Status; fields that are not named here are ignored.
type Callback struct {
	Status  CallbackStatus `json:"status"`
	JobID   string         `json:"jobId"`
	MediaID string         `json:"mediaId,omitempty"`
	// Output belongs to completed. A completed callback without one is a failure.
	Output *Output `json:"output,omitempty"`
	// Error belongs to failed.
	Error string `json:"error,omitempty"`
	// Progress (0 to 100) and Step belong to progress.
	Progress *int   `json:"progress,omitempty"`
	Step     string `json:"step,omitempty"`
}

// Output is what a job made. Keys are null where the type of media has no such object.
type Output struct {
	MediaID           string             `json:"mediaId"`
	Type              Type               `json:"type"`
	HLSMasterKey      *string            `json:"hlsMasterKey"`
	HLSPreviewKey     *string            `json:"hlsPreviewKey"`
	ThumbnailKey      *string            `json:"thumbnailKey"`
	WaveformKey       *string            `json:"waveformKey"`
	WaveformImageKey  *string            `json:"waveformImageKey"`
	MezzanineKey      *string            `json:"mezzanineKey"`
	ThumbnailVariants *ThumbnailVariants `json:"thumbnailVariants"`
	DurationSeconds   float64            `json:"durationSeconds"`
	Width             *int               `json:"width"`
	Height            *int               `json:"height"`
	ReadyVariants     []string           `json:"readyVariants"`
	// Loudness in hundredths of LUFS, dBTP and LU.
	LoudnessIntegrated *int `json:"loudnessIntegrated"`
	LoudnessPeak       *int `json:"loudnessPeak"`
	LoudnessRange      *int `json:"loudnessRange"`
}

// ThumbnailVariants are the keys of the thumbnails in the assets bucket. They follow from the item; nobody stores them.
type ThumbnailVariants struct {
	SM string `json:"sm"`
	MD string `json:"md"`
	LG string `json:"lg"`
}

var steps = []string{
	"downloading", "probing", "mezzanine", "loudness", "encoding_variants", "preview", "thumbnails", "waveform",
	"uploading_outputs", "finalizing",
}

var variants = []string{"1080p", "720p", "480p", "360p", "source", "audio"}

func (o Output) keys() []namedKey {
	return []namedKey{
		{"output.hlsMasterKey", o.HLSMasterKey},
		{"output.hlsPreviewKey", o.HLSPreviewKey},
		{"output.thumbnailKey", o.ThumbnailKey},
		{"output.waveformKey", o.WaveformKey},
		{"output.waveformImageKey", o.WaveformImageKey},
		{"output.mezzanineKey", o.MezzanineKey},
	}
}

func (o Output) loudness() *Loudness {
	if o.LoudnessIntegrated == nil || o.LoudnessPeak == nil || o.LoudnessRange == nil {
		return nil
	}
	return &Loudness{Integrated: *o.LoudnessIntegrated, Peak: *o.LoudnessPeak, Range: *o.LoudnessRange}
}

// Validate checks the fields that count for the callback's status.
func (c Callback) Validate() []domain.Field {
	var bad []domain.Field
	if c.JobID == "" || len(c.JobID) > 255 {
		bad = append(bad, domain.Field{Path: "jobId", Message: "must have 1 to 255 characters"})
	}
	switch c.Status {
	case CallbackCompleted:
		if c.Output != nil {
			bad = c.Output.check(bad)
		}
	case CallbackFailed:
		bad = checkText(bad, "error", &c.Error, maxErrorText)
	case CallbackProgress:
		if c.Progress == nil {
			bad = append(bad, domain.Field{Path: "progress", Message: "must be from 0 to 100"})
		}
		bad = checkRange(bad, "progress", c.Progress, 0, 100)
		if !slices.Contains(steps, c.Step) {
			bad = append(bad, domain.Field{Path: "step", Message: "is not one of the steps"})
		}
	default:
		bad = append(bad, domain.Field{Path: "status", Message: "must be completed, failed or progress"})
	}
	return bad
}

func (o Output) check(bad []domain.Field) []domain.Field {
	if !o.Type.Valid() {
		bad = append(bad, domain.Field{Path: "output.type", Message: "must be video or audio"})
	}
	if o.DurationSeconds <= 0 || o.DurationSeconds > maxDurationSeconds {
		bad = append(bad, domain.Field{Path: "output.durationSeconds", Message: "must be from 1 to 86400"})
	}
	for _, key := range o.keys() {
		if key.value != nil && !SafeKey(*key.value) {
			bad = append(bad, domain.Field{Path: key.name, Message: "is not an acceptable object key"})
		}
	}
	bad = checkRange(bad, "output.width", o.Width, 1, maxWidth)
	bad = checkRange(bad, "output.height", o.Height, 1, maxHeight)
	bad = checkRange(bad, "output.loudnessIntegrated", o.LoudnessIntegrated, -10_000, 1000)
	bad = checkRange(bad, "output.loudnessPeak", o.LoudnessPeak, -10_000, 2000)
	bad = checkRange(bad, "output.loudnessRange", o.LoudnessRange, 0, 50_000)
	return checkVariants(bad, "output.readyVariants", o.ReadyVariants)
}

func checkVariants(bad []domain.Field, path string, given []string) []domain.Field {
	if len(given) > 10 {
		return append(bad, domain.Field{Path: path, Message: "must have at most 10 entries"})
	}
	for _, v := range given {
		if !slices.Contains(variants, v) {
			return append(bad, domain.Field{Path: path, Message: "has an unknown entry"})
		}
	}
	return bad
}

// Sign returns the signature of a callback: hex HMAC-SHA-256 over "{unix seconds}.{raw body}".
func Sign(secret []byte, timestamp string, body []byte) string {
	return hex.EncodeToString(mac(secret, timestamp, body))
}

func mac(secret []byte, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	_, _ = h.Write([]byte(timestamp))
	_, _ = h.Write([]byte{'.'})
	_, _ = h.Write(body)
	return h.Sum(nil)
}

// Verify checks the signature and the age of a callback. Several secrets are valid while one replaces another; all are
// tried, in constant time. The refusals are 401 with the contract's codes.
func Verify(secrets [][]byte, signature, timestamp string, body []byte, now time.Time) error {
	if signature == "" {
		return unsigned("MISSING_SIGNATURE", "The callback is not signed")
	}
	if timestamp == "" {
		return unsigned("MISSING_TIMESTAMP", "The callback has no timestamp")
	}
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || at < 0 || strconv.FormatInt(at, 10) != timestamp {
		return unsigned("INVALID_TIMESTAMP", "The callback's timestamp is not in whole seconds")
	}
	switch age := now.Unix() - at; {
	case age > callbackMaxAge:
		return unsigned("TIMESTAMP_EXPIRED", "The callback is too old")
	case age < -callbackMaxSkew:
		return unsigned("TIMESTAMP_FUTURE", "The callback comes from the future")
	}
	given, err := hex.DecodeString(signature)
	valid := false
	for _, secret := range secrets {
		// An empty secret would let anybody sign.
		if len(secret) > 0 && hmac.Equal(given, mac(secret, timestamp, body)) {
			valid = true
		}
	}
	if err != nil || !valid {
		return unsigned("INVALID_SIGNATURE", "The callback's signature is wrong")
	}
	return nil
}

func unsigned(reason, message string) error { return refuse(domain.Unauthorized, reason, message) }
