package media

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// Type is the type of a media item.
type Type string

// The types of media.
const (
	Video Type = "video"
	Audio Type = "audio"
)

// Valid reports whether t is one of the types.
func (t Type) Valid() bool { return t == Video || t == Audio }

// Status is the status of a media item, see the life cycle in the package comment.
type Status string

// The statuses in the order of the life cycle.
const (
	Uploading   Status = "uploading"
	Uploaded    Status = "uploaded"
	Transcoding Status = "transcoding"
	Ready       Status = "ready"
	Failed      Status = "failed"
)

// Statuses lists every status.
var Statuses = []Status{Uploading, Uploaded, Transcoding, Ready, Failed}

// Valid reports whether s is one of the statuses.
func (s Status) Valid() bool {
	for _, known := range Statuses {
		if s == known {
			return true
		}
	}
	return false
}

// MaxAttempts is how many transcoding jobs one item may have.
const MaxAttempts = 3

// DefaultPriority is the priority of a job, from 0 (urgent) to 4 (backlog).
const DefaultPriority = 2

// Item is the state of one media item. Empty strings and nil pointers are unknown values.
type Item struct {
	ID          string
	CreatorID   string
	Title       string
	Description *string
	Type        Type
	Status      Status
	// ObjectKey is the key of the original in the media bucket, ETag its examined version.
	ObjectKey string
	ETag      string
	// SizeBytes is declared at registration and verified at completion.
	SizeBytes int64
	MimeType  string
	// Checksum is the one that the client declared, empty for none.
	Checksum Checksum

	DurationSeconds *int
	Width, Height   *int
	MasterKey       string
	PreviewKey      string
	ThumbnailKey    string
	WaveformKey     string
	WaveformImage   string
	// WaveformShort is the key of the waveform in few points.
	WaveformShort string
	Storyboard    *Storyboard
	// PosterURL is the poster that the creator chose; nil for the automatic one.
	PosterURL *string
	// AudioKey is the key of the sound in one file, and AudioBytes its size.
	AudioKey      string
	AudioBytes    int64
	MezzanineKey  string
	ReadyVariants []string
	// Playable says that MasterKey leads to a first rendition, although the item is not ready.
	Playable bool
	// Captions are in the order in which they were added.
	Captions []CaptionTrack
	Chapters Chapters
	// Notes say what of the file was left out.
	Notes    []Note
	Loudness *Loudness

	// JobID is the job of the current or last attempt.
	JobID     string
	Error     string
	ErrorCode string
	Attempts  int
	Priority  int
	Progress  *int
	Step      string
	// SeenAt is the time of the last report of the running job.
	SeenAt *time.Time
	// Pace says how fast the running job is.
	Pace Pace

	UploadedAt *time.Time
	Version    int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
	DeletedAt  *time.Time
}

// Loudness is the measured loudness of the source, in hundredths of LUFS, dBTP and LU.
type Loudness struct {
	Integrated, Peak, Range int
}

// Actor is the sender of a command, as of the transaction that applies it.
type Actor struct {
	ID string
	// Role is the platform role; empty for a deleted account.
	Role string
}

// mayUpload reports whether a platform role may have media.
func (a Actor) mayUpload() bool { return a.Role == "creator" || a.Role == "admin" }

// Facts are what a decision needs beyond the item itself.
type Facts struct {
	Actor Actor
	// UploadID makes the object key of a new item unguessable and unique.
	UploadID string
	// Development permits what test clients do: own keys, forced statuses.
	Development bool
	// PublishedUses counts the published content that uses the item.
	PublishedUses int
	// Quota limits a creator, and Usage is what the actor uses of it.
	Quota domain.Quota
	Usage Usage
}

// Usage is what a creator uses of the quota.
type Usage struct {
	Items       int64
	OpenUploads int64
	Bytes       int64
}

// Add returns the usage with an item that waits for its file.
func (u Usage) Add(i Item) Usage {
	return Usage{Items: u.Items + 1, OpenUploads: u.OpenUploads + 1, Bytes: u.Bytes + i.SizeBytes}
}

// CanPlay reports whether there is something to play: all renditions, or a first one.
func (i Item) CanPlay() bool { return i.Status == Ready || i.Playable }

// exists reports whether the item was registered and not deleted.
func (i Item) exists() bool { return i.ID != "" && i.DeletedAt == nil }

// FileRejected reports whether the item failed because its file is not the declared one.
func (i Item) FileRejected() bool { return i.Status == Failed && i.UploadedAt == nil }

// Authorize returns an error for everyone but the owner: for others the item does not exist.
func (i Item) Authorize(a Actor) error {
	if !i.exists() || i.CreatorID != a.ID {
		return ErrNotFound
	}
	if !a.mayUpload() {
		return ErrNotCreator
	}
	return nil
}

// changed returns the item after a change with these events.
func (i Item) changed(now time.Time, payloads ...events.Payload) (Item, []events.Payload) {
	i.UpdatedAt = now
	i.Version += int64(len(payloads))
	return i, payloads
}
