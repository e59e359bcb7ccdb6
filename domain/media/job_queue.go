package media

import "github.com/codex-platform/codex/events"

// QueuedJob is a job of the queue of the platform's own transcoders, as a worker has claimed it.
type QueuedJob struct {
	events.MediaTranscodingStarted
	// Claim is the worker's attempt.
	Claim string
	// Long says that the job counts as a long one.
	Long bool
	// SpaceBytes is the most that the job needs in a work directory; 0 until it was examined.
	SpaceBytes int64
	// Failures of the platform's own, and Crashes of workers, since a rendition was finished.
	Failures, Crashes int
	// Renditions are finished and stored.
	Renditions []StoredRendition
}

// StoredRendition is a rendition that an attempt has finished and stored.
type StoredRendition struct {
	Name string `json:"name"`
	// Recipe identifies source properties and settings; only an equal one may be kept.
	Recipe string       `json:"recipe"`
	Files  []StoredFile `json:"files"`
}

// StoredFile is one file of a stored rendition.
type StoredFile struct {
	// Rel is the slash-separated path below the directory of the outputs.
	Rel         string `json:"rel"`
	ContentType string `json:"contentType"`
	Size        int64  `json:"size"`
	// SHA256 is in hex.
	SHA256 string `json:"sha256"`
}
