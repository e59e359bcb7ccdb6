package main

import (
	"sync"
	"time"
)

// attempt is one request as its client saw it: the row of the journal.
type attempt struct {
	// Operation is shared by the attempts of one operation.
	Operation string
	Kind      kind
	Actor     string
	// Key is the Idempotency-Key, Command the id of the command that it stands for.
	Key     string
	Command string
	// Payload is the SHA-256 of method, path and body, in hex.
	Payload string
	// Subject is what the request is about: the slug of a creation, else an id.
	Subject string
	Started time.Time
	Ended   time.Time
	// Status is 0 when no response arrived.
	Status int
	// Resource is the id in the response, Value a number in it.
	Resource string
	Value    int64
}

// kind says what a request is for. The invariants know these names.
type kind string

const (
	kindCreate    kind = "create"
	kindPublish   kind = "publish"
	kindCheckout  kind = "checkout"
	kindVerify    kind = "verify"
	kindDecision  kind = "decision"
	kindProgress  kind = "progress"
	kindWatched   kind = "watched"
	kindLibrary   kind = "library"
	kindOutcome   kind = "outcome"
	kindReused    kind = "reused"    // a used key with another payload
	kindMalformed kind = "malformed" // a body that is none
	kindForeign   kind = "foreign"   // a change of another creator's item
	kindRegister  kind = "register"
	kindUploaded  kind = "uploaded"
	kindMedia     kind = "media"
	kindProbe     kind = "probe"
)

// journal is what all clients did, in the order of the responses.
type journal struct {
	mu    sync.Mutex
	fresh []attempt
	stats stats
}

// stats are the figures of a row.
type stats struct {
	Requests int
	Refused  int
	// Unanswered operations had no answer within their time.
	Unanswered int
	// Paid is how many payments were followed to access, PaidToAccess the longest time.
	Paid         int
	PaidToAccess time.Duration
}

func (j *journal) add(a attempt) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fresh = append(j.fresh, a)
	if a.Kind == kindProbe {
		return // the harness is no client
	}
	j.stats.Requests++
	if a.Status == 0 || a.Status >= 500 {
		j.stats.Refused++
	}
}

func (j *journal) unanswered() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Unanswered++
}

func (j *journal) accessAfter(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Paid++
	j.stats.PaidToAccess = max(j.stats.PaidToAccess, d)
}

// takeStats returns the figures since the last call.
func (j *journal) takeStats() stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken := j.stats
	j.stats = stats{}
	return taken
}

// take returns the attempts since the last call.
func (j *journal) take() []attempt {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken := j.fresh
	j.fresh = nil
	return taken
}
