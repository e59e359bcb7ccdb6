// Package argon2id hashes and checks passwords, a bounded number at a time.
//
// A hash deliberately costs about 20 ms of one core and 19 MiB, so an attacker could use up
// all cores with sign-ins. At most one hash per core is computed at once, at most fifty
// requests wait, and further ones are rejected with 429.
//
// Hashes are PHC strings and carry their own parameters, so that the cost can be
// raised later: a hash that was made with less is reported as weak at the next check.
// Checking against no hash costs the same as checking against one, so the time taken does
// not reveal which accounts exist.
package argon2id

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	phc "github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"

	"github.com/codex-platform/codex/domain"
)

// Config is the cost of a hash and the bounds of the pool. Zero fields take the
// defaults: OWASP's minimum for argon2id.
type Config struct {
	// Memory is in KiB; default 19456.
	Memory uint32
	// Iterations is the number of passes; default 2.
	Iterations uint32
	// Parallelism is the number of lanes of one hash; default 1.
	Parallelism uint8
	// Cores is how many hashes are computed at once; default one per core.
	Cores int
	// Queue is how many may wait; default 50.
	Queue int
}

const (
	saltLength = 16
	keyLength  = 32
)

// Hasher hashes and checks passwords. It is safe for concurrent use.
type Hasher struct {
	params phc.Params
	// admitted has a slot for each caller that computes or waits, computing one for
	// each that computes.
	admitted, computing chan struct{}
	// dummy is the hash that passwords of unknown accounts are checked against.
	dummy    string
	computed atomic.Int64
}

var errBusy = &domain.Error{
	Class:   domain.Limited,
	Reason:  "BUSY",
	Message: "Too many people are signing in; try again in a moment",
	Context: map[string]any{"retryAfter": int64(1)},
}

// New returns a hasher.
func New(cfg Config) (*Hasher, error) {
	if cfg.Memory == 0 {
		cfg.Memory = 19_456
	}
	if cfg.Iterations == 0 {
		cfg.Iterations = 2
	}
	if cfg.Parallelism == 0 {
		cfg.Parallelism = 1
	}
	if cfg.Cores == 0 {
		cfg.Cores = runtime.GOMAXPROCS(0)
	}
	if cfg.Queue == 0 {
		cfg.Queue = 50
	}
	h := &Hasher{
		params: phc.Params{
			Memory:      cfg.Memory,
			Iterations:  cfg.Iterations,
			Parallelism: cfg.Parallelism,
			SaltLength:  saltLength,
			KeyLength:   keyLength,
		},
		admitted:  make(chan struct{}, cfg.Cores+cfg.Queue),
		computing: make(chan struct{}, cfg.Cores),
	}
	var err error
	if h.dummy, err = phc.CreateHash("dummy", &h.params); err != nil {
		return nil, fmt.Errorf("argon2id: %w", err)
	}
	return h, nil
}

// Hash returns the PHC string of a password. It fails with an error of class Limited when
// the queue is full.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	hash, err := phc.CreateHash(normal(password), &h.params)
	if err != nil {
		return "", fmt.Errorf("argon2id: hash: %w", err)
	}
	return hash, nil
}

// Check reports whether a password has this hash, and whether the hash is weaker
// than those made now. An empty hash stands for an account that does not exist: it
// costs the same and never matches. It fails like Hash.
func (h *Hasher) Check(ctx context.Context, password, hash string) (match, weak bool, err error) {
	exists := hash != ""
	if !exists {
		hash = h.dummy
	}
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	match, params, err := phc.CheckHash(normal(password), hash)
	if err != nil {
		return false, false, fmt.Errorf("argon2id: check: %w", err)
	}
	return match && exists, h.weaker(params), nil
}

// Computed returns how many hashes were computed since the start.
func (h *Hasher) Computed() int64 { return h.computed.Load() }

func (h *Hasher) weaker(p *phc.Params) bool {
	return p.Memory < h.params.Memory || p.Iterations < h.params.Iterations ||
		p.SaltLength < h.params.SaltLength || p.KeyLength < h.params.KeyLength
}

// normal makes the same password the same bytes, whatever keyboard composed it
// (NIST SP 800-63B, 3.1.1.2).
func normal(password string) string { return norm.NFKC.String(password) }

func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.admitted <- struct{}{}:
	default:
		return errBusy
	}
	select {
	case h.computing <- struct{}{}:
	case <-ctx.Done():
		<-h.admitted
		return fmt.Errorf("argon2id: wait for a turn: %w", ctx.Err())
	}
	if err := ctx.Err(); err != nil { // the request was cancelled
		h.leave()
		return fmt.Errorf("argon2id: wait for a turn: %w", err)
	}
	h.computed.Add(1)
	return nil
}

func (h *Hasher) leave() {
	<-h.computing
	<-h.admitted
}
