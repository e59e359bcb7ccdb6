package ratelimit

import (
	"context"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/codex-platform/codex/domain/postgres"
)

// Config says where a limiter counts.
type Config struct {
	// DB is a connection pool.
	DB postgres.RowQueryer
	// Leases is how many leases are kept in memory; default 65 536, about 16 MB. Which
	// was not used for longest goes first; what is left of it is lost, not granted again.
	Leases int
	// Timeout is how long a lease may take; default 2 s.
	Timeout time.Duration
	// Now is the clock. What it is ahead of the machine's by a second or more, the
	// database's clock is taken to be ahead, too; that is for tests.
	Now func() time.Time
}

// Limiter counts. It is safe for concurrent use.
type Limiter struct {
	cfg    Config
	leases *lru.Cache[Key, *lease]
}

const (
	defaultLeases  = 1 << 16
	defaultTimeout = 2 * time.Second
)

// New returns a limiter.
func New(cfg Config) *Limiter {
	if cfg.Leases == 0 {
		cfg.Leases = defaultLeases
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	leases, err := lru.New[Key, *lease](cfg.Leases)
	if err != nil {
		panic(err) // a negative number of leases
	}
	return &Limiter{cfg: cfg, leases: leases}
}

// Verdict is the result of one use.
type Verdict struct {
	// Allowed says that the use is within the limit.
	Allowed bool
	// Limit is the allowance of a window.
	Limit int
	// Remaining is what is left of it, as far as this process knows: what others have
	// leased since it asked last is not yet missing.
	Remaining int
	// Reset is when the window ends, by the limiter's clock, and Wait how long until then.
	Reset time.Time
	Wait  time.Duration
}

// Take counts one use of a key that may have limit of them in a window. An error
// says that it could not be counted; the use must then be refused.
func (l *Limiter) Take(ctx context.Context, key Key, limit int, window time.Duration) (Verdict, error) {
	held, found := l.leases.Get(key)
	if !found {
		fresh := &lease{}
		if held, found, _ = l.leases.PeekOrAdd(key, fresh); !found {
			held = fresh
		}
	}
	for {
		verdict, pending, asks := held.spend(l.cfg.Now(), limit)
		if pending == nil {
			return verdict, nil
		}
		if asks {
			// What was asked for is for everybody who waits, not only for this request.
			go l.lease(context.WithoutCancel(ctx), held, pending, key, limit, window)
		}
		select {
		case <-ctx.Done():
			return Verdict{}, ctx.Err()
		case <-pending.done:
		}
		if pending.err != nil {
			return Verdict{}, pending.err
		}
	}
}

// Leases returns how many leases are kept in memory.
func (l *Limiter) Leases() int { return l.leases.Len() }

// lease is what this process may still spend of one key.
type lease struct {
	mu sync.Mutex
	// left of what was leased, and unleased of the window's allowance when it was.
	left, unleased int
	until          time.Time
	pending        *request
}

// request is a lease that was asked for.
type request struct {
	done chan struct{}
	err  error
}

// spend takes one use of the lease. It returns a request to wait for when there is
// nothing to spend, and whether the caller is the one who has to ask.
func (h *lease) spend(now time.Time, limit int) (_ Verdict, pending *request, asks bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	inWindow := now.Before(h.until)
	switch {
	case inWindow && h.left > 0:
		h.left--
	case inWindow && h.unleased <= 0:
		return Verdict{Limit: limit, Reset: h.until, Wait: h.until.Sub(now)}, nil, false
	case h.pending != nil:
		return Verdict{}, h.pending, false
	default:
		h.pending = &request{done: make(chan struct{})}
		return Verdict{}, h.pending, true
	}
	return Verdict{
		Allowed: true, Limit: limit, Remaining: h.left + h.unleased, Reset: h.until, Wait: h.until.Sub(now),
	}, nil, false
}

// lease asks the database for a share of the allowance.
func (l *Limiter) lease(ctx context.Context, held *lease, asked *request, key Key, limit int, window time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	before := l.cfg.Now()
	share, err := acquire(ctx, l.cfg.DB, key, limit, window, time.Until(before).Truncate(time.Second))
	held.mu.Lock()
	held.pending = nil
	if err == nil {
		held.left, held.unleased, held.until = share.granted, share.unleased, before.Add(share.rest)
	}
	held.mu.Unlock()
	if err != nil {
		asked.err = fmt.Errorf("lease a share of a limit: %w", err)
	}
	close(asked.done)
}
