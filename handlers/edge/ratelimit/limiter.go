// Package ratelimit counts uses of things in fixed windows, for any number of
// processes together, and exactly: in one window they let through no more than the
// limit, whatever fails.
//
// The count stands in Postgres (table rate_leases). A process does not go there for
// every use: one statement leases a share of what is left of the window's allowance,
// and the process spends that share from memory. Shares get smaller towards the
// limit, and a small limit has shares of one, so that nobody is refused while
// another process sits on much of the allowance. Who has used the allowance up is
// remembered until the window ends, and costs no statement either.
//
// A window's end is decided by the database's clock alone. A process learns how
// long the window still lasts and counts from the moment before it asked; so its
// lease is over before the window is, and clocks that disagree let nobody through
// twice.
//
// It fails closed: without the database there are no new leases.
package ratelimit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
)

// DB is a connection pool.
type DB interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Config says where a limiter counts.
type Config struct {
	DB DB
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

// Key names what is limited, and for whom, without saying it.
type Key [16]byte

// KeyOf returns the key of a use by somebody.
func KeyOf(what, whom string) Key {
	sum := sha256.Sum256([]byte(what + "\x00" + whom))
	return Key(sum[:16])
}

// Verdict is what became of one use.
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
