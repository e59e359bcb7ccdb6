package stripe

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says how a sandbox runs. SecretKey is required, the rest has defaults.
type Config struct {
	// Addr is the listening address. Empty means a free port on 127.0.0.1.
	Addr string
	// StateFile is the journal. Empty keeps everything in memory. One process at a time.
	StateFile string
	// SecretKey is the API key that callers must present.
	SecretKey string
	// Webhooks are the endpoints that events are delivered to.
	Webhooks []Endpoint
	// Now stamps objects and signatures; nil means time.Now. Waiting (retries, delays)
	// always follows the machine's clock.
	Now func() time.Time
	// Logger receives a few constant messages; nil discards them.
	Logger *slog.Logger
	// PublicURL is the address under which browsers reach the hosted pages. Empty means
	// the listening address.
	PublicURL string
	// Retry is the schedule of webhook retries.
	Retry Retry
}

// Endpoint is one receiver of webhooks.
type Endpoint struct {
	// Name keeps undelivered events with the endpoint when its URL changes between runs.
	// Empty means the URL itself.
	Name string
	URL  string
	// Secret signs the deliveries, "whsec_…".
	Secret string
	// Events are the types to send; none, or "*", means all.
	Events []string
}

// Retry is exponential: First, then twice as long each time up to Max, for For in all.
// Stripe itself retries for 3 days on a schedule that it does not publish.
type Retry struct {
	First   time.Duration // default 1 s
	Max     time.Duration // default 1 min
	For     time.Duration // default 72 h, counted from the event's creation
	Timeout time.Duration // of one attempt, default 10 s
	Workers int           // concurrent attempts per endpoint, default 8
}

func (c Config) withDefaults() (Config, error) {
	if c.SecretKey == "" {
		return c, errors.New("sandbox: the secret key is empty")
	}
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	c.Retry = c.Retry.withDefaults()
	names := map[string]bool{}
	endpoints := make([]Endpoint, 0, len(c.Webhooks))
	for _, e := range c.Webhooks {
		target, err := url.Parse(e.URL)
		if err != nil || target.Host == "" {
			return c, fmt.Errorf("sandbox: %q is not a webhook address", e.URL)
		}
		if e.Secret == "" {
			return c, fmt.Errorf("sandbox: the webhook %q has no secret", e.URL)
		}
		if e.Name == "" {
			e.Name = e.URL
		}
		if names[e.Name] {
			return c, fmt.Errorf("sandbox: two webhooks are named %q", e.Name)
		}
		names[e.Name] = true
		endpoints = append(endpoints, e)
	}
	c.Webhooks = endpoints
	return c, nil
}

func (r Retry) withDefaults() Retry {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&r.First, time.Second)
	def(&r.Max, time.Minute)
	def(&r.For, 72*time.Hour)
	def(&r.Timeout, 10*time.Second)
	if r.Workers <= 0 {
		r.Workers = 8
	}
	return r
}

// wait is the pause after the given number of failed attempts.
func (r Retry) wait(failed int) time.Duration {
	d := r.First
	for i := 1; i < failed && d < r.Max; i++ {
		d *= 2
	}
	return min(d, r.Max)
}

func (e Endpoint) wants(eventType string) bool {
	if len(e.Events) == 0 {
		return true
	}
	for _, t := range e.Events {
		if t == "*" || t == eventType {
			return true
		}
	}
	return false
}

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
