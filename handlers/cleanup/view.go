package cleanup

import "time"

// OrphanCleanup is the state of the search for orphans.
type OrphanCleanup struct {
	// ScheduledAt is when a search was scheduled that has not started yet.
	ScheduledAt *time.Time `json:"scheduledAt"`
	Running     bool       `json:"running"`
	// Last is the last search that ended; null before the first.
	Last *OrphanRun `json:"last"`
}

// OrphanRun is one search for orphans.
type OrphanRun struct {
	ID         string     `json:"id" jsonschema:"format=uuid"`
	StartedAt  time.Time  `json:"startedAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	// Scanned counts all objects that were listed, Orphans those without an item that are
	// older than a day, and Removed how many of these were removed.
	Scanned        int64 `json:"scanned"`
	Orphans        int64 `json:"orphans"`
	Removed        int64 `json:"removed"`
	RemovedBytes   int64 `json:"removedBytes"`
	AbortedUploads int64 `json:"abortedUploads"`
	// Complete is false when the search ended before it had listed every object. The next
	// one continues there.
	Complete bool `json:"complete"`
	// Failed says that an error occurred, which is in the log.
	Failed bool `json:"failed"`
}
