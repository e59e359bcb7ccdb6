package stripe

import "sync"

// Always is a count that lasts until the faults are changed.
const Always = -1

// Faults make the sandbox misbehave in the ways Stripe and the network do. Counts say how
// many times; Always means until changed. The zero value behaves well. They live in memory:
// a restart heals.
type Faults struct {
	// Down cuts every API connection without an answer.
	Down bool `json:"down,omitempty"`
	// LatencyMS is how long every API call takes at least.
	LatencyMS int `json:"latency_ms,omitempty"`
	// RateLimits is how many API calls are answered 429, without an effect.
	RateLimits int `json:"rate_limits,omitempty"`
	// Errors is how many POSTs or DELETEs are answered 500 without an effect. The idempotency key
	// keeps the 500.
	Errors int `json:"errors,omitempty"`
	// CommittedErrors is how many POSTs have their effect and are answered 500, which the
	// idempotency key keeps.
	CommittedErrors int `json:"committed_errors,omitempty"`
	// DroppedReplies is how many POSTs have their effect and no answer: the connection is
	// cut. The idempotency key keeps the answer that was not seen.
	DroppedReplies int `json:"dropped_replies,omitempty"`
	// TransferErrors is how many transfers fail with balance_insufficient.
	TransferErrors int `json:"transfer_errors,omitempty"`

	// Duplicates is how many extra copies of every webhook are sent, all at once.
	Duplicates int `json:"duplicates,omitempty"`
	// DelayMS holds every new webhook back.
	DelayMS int `json:"delay_ms,omitempty"`
	// ReorderWindowMS holds every new webhook back for a random time up to this, so that
	// those of one window arrive in any order.
	ReorderWindowMS int `json:"reorder_window_ms,omitempty"`
	// Drops is how many new webhooks are never sent. Their events stay in the list.
	Drops int `json:"drops,omitempty"`
	// APIVersion replaces the api_version of delivered events.
	APIVersion string `json:"api_version,omitempty"`
}

type faultBox struct {
	mu  sync.Mutex
	set Faults
}

func (b *faultBox) get() Faults {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.set
}

func (b *faultBox) put(f Faults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set = f
}

// take uses up one of a count and reports whether there was one.
func (b *faultBox) take(count func(*Faults) *int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := count(&b.set)
	switch {
	case *n == Always:
		return true
	case *n > 0:
		*n--
		return true
	default:
		return false
	}
}

// SetFaults replaces the faults. The zero value heals everything.
func (s *Server) SetFaults(f Faults) { s.faults.put(f) }
