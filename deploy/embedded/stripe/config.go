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

// Config configures a sandbox. SecretKey is required, the rest has defaults.
type Config struct {
	// Addr is the listening address; default a free port on 127.0.0.1.
	Addr string
	// StateFile is the journal, of one process at a time; default the state is in memory.
	StateFile string
	// SecretKey is the API key that callers must present.
	SecretKey string
	// Webhooks are the endpoints that events are delivered to.
	Webhooks []Endpoint
	// Now is the time of objects and signatures; default time.Now. Retries and delays always
	// use the machine's clock.
	Now func() time.Time
	// Logger logs failures; default none.
	Logger *slog.Logger
	// PublicURL is the URL of the hosted pages for browsers; default the listening address.
	PublicURL string
	// Retry is the schedule of webhook retries.
	Retry Retry
}

// Endpoint is one receiver of webhooks.
type Endpoint struct {
	// Name identifies the endpoint, whose URL may change between runs, in undelivered
	// events; default the URL.
	Name string
	URL  string
	// Secret signs the deliveries, "whsec_…".
	Secret string
	// Events are the types to send; none, or "*", means all.
	Events []string
}

// Retry is exponential: after First, then doubled up to Max, until For has passed.
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

// Faults make the sandbox fail like Stripe and the network. A count is a number of times;
// Always means until changed. The zero value has no faults. They are in memory: a restart
// removes them.
type Faults struct {
	// Down closes every API connection without a response.
	Down bool `json:"down,omitempty"`
	// LatencyMS is the shortest duration of an API call.
	LatencyMS int `json:"latency_ms,omitempty"`
	// RateLimits is how many API calls get 429, without an effect.
	RateLimits int `json:"rate_limits,omitempty"`
	// Errors is how many POSTs or DELETEs get 500 without an effect. The idempotency key
	// keeps the 500.
	Errors int `json:"errors,omitempty"`
	// CommittedErrors is how many POSTs have their effect and get 500, which the idempotency
	// key keeps.
	CommittedErrors int `json:"committed_errors,omitempty"`
	// DroppedReplies is how many POSTs have their effect and no response: the connection is
	// closed. The idempotency key keeps the response that was not sent.
	DroppedReplies int `json:"dropped_replies,omitempty"`
	// TransferErrors is how many transfers fail with balance_insufficient.
	TransferErrors int `json:"transfer_errors,omitempty"`

	// Duplicates is how many extra copies of every webhook are sent, all at once.
	Duplicates int `json:"duplicates,omitempty"`
	// DelayMS delays every new webhook.
	DelayMS int `json:"delay_ms,omitempty"`
	// ReorderWindowMS delays every new webhook for a random time up to this, so that those of
	// one window arrive in any order.
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

// SetFaults replaces the faults. The zero value removes them.
func (s *Server) SetFaults(f Faults) { s.faults.put(f) }
