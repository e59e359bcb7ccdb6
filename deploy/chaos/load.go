package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// load is the clients: so many at once, at most so many operations a second.
type load struct {
	cluster *cluster
	journal *journal
	rate    int

	creators []*account
	buyers   []*account
	prober   *account
	// organization sells what the first half of the creators make.
	organization string

	mu    sync.Mutex
	items []item
	// owned are the items that were paid for, without what was refunded.
	owned []*purchase
	taken map[string]bool

	work   chan func(context.Context)
	busy   atomic.Int64
	paused atomic.Bool
	stop   context.CancelFunc
	all    sync.WaitGroup

	errMu  sync.Mutex
	errors []error
}

// item is a published item.
type item struct {
	id      string
	creator int
}

// purchase is an item that a buyer paid for.
type purchase struct {
	buyer   int
	content string
	intent  string
	// position is how far the buyer was, in seconds, at the last report.
	position int
}

const (
	creators = 8
	buyers   = 24
	// duration is how long every item is said to be, in seconds.
	duration = 1000
)

// startLoad signs everybody up and starts so many clients, paused.
func startLoad(ctx context.Context, c *cluster, rate, clients int) (*load, error) {
	l := &load{
		cluster: c,
		journal: &journal{},
		rate:    rate,
		taken:   map[string]bool{},
		work:    make(chan func(context.Context)),
	}
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{MaxIdleConnsPerHost: 2 * clients},
	}
	run := uuid.NewString()[:8]
	for i := range creators + buyers + 1 {
		name, role := fmt.Sprintf("user-%s-%d", run, i), "creator"
		if i >= creators && i < creators+buyers {
			role = "customer"
		}
		a, err := register(ctx, c.front.url(), name, role, client, l.journal)
		if err != nil {
			return nil, err
		}
		switch {
		case i < creators:
			l.creators = append(l.creators, a)
		case i < creators+buyers:
			l.buyers = append(l.buyers, a)
		default:
			l.prober = a
		}
	}
	r, err := l.creators[0].do(ctx, call{
		kind:   kindRegister,
		method: http.MethodPost,
		path:   "/api/organizations",
		key:    "organization",
		body:   map[string]string{"name": "Chaos", "slug": "chaos-" + run},
	})
	if err != nil || r.status != http.StatusCreated {
		return nil, fmt.Errorf("create the organization: %s: %w", r, err)
	}
	l.organization = r.id()

	l.paused.Store(true)
	running, stop := context.WithCancel(ctx)
	l.stop = stop
	for range clients {
		l.all.Go(func() { l.serve(running) })
	}
	l.all.Go(func() { l.dispatch(running) })
	return l, nil
}

// dispatch hands out operations at the rate. When all clients are busy an operation is left out.
func (l *load) dispatch(ctx context.Context) {
	tick := time.NewTicker(time.Second / time.Duration(l.rate))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if l.paused.Load() {
			continue
		}
		select {
		case l.work <- l.choose():
		default:
		}
	}
}

func (l *load) serve(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case operation := <-l.work:
			l.busy.Add(1)
			operation(ctx)
			l.busy.Add(-1)
		}
	}
}

func (l *load) resume() { l.paused.Store(false) }

// rest pauses the load and waits until no operation is running.
func (l *load) rest(ctx context.Context) error {
	l.paused.Store(true)
	return until(ctx, operationLimit+attemptLimit, 20*time.Millisecond, func(context.Context) error {
		if n := l.busy.Load(); n > 0 {
			return fmt.Errorf("%d operations are running", n)
		}
		return nil
	})
}

func (l *load) close() {
	l.stop()
	l.all.Wait()
}

// failed notes what a client did not expect.
func (l *load) failed(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	l.errMu.Lock()
	defer l.errMu.Unlock()
	l.errors = append(l.errors, err)
}

// takeErrors returns what clients did not expect since the last call.
func (l *load) takeErrors() []error {
	l.errMu.Lock()
	defer l.errMu.Unlock()
	taken := l.errors
	l.errors = nil
	return taken
}

// choose picks the next operation. The weights are shares of 1000: a job of the transcoder
// costs as much as hundreds of other operations.
func (l *load) choose() func(context.Context) {
	weighted := []struct {
		weight int
		run    func(context.Context) error
	}{
		{280, l.sell},
		{120, l.buy},
		{200, l.decide},
		{220, l.watch},
		{20, l.refund},
		{20, l.reuseKey},
		{10, l.malformed},
		{20, l.foreign},
		{5, l.upload},
	}
	n := rand.N(1000) //nolint:gosec // a choice of work
	for _, w := range weighted {
		if n -= w.weight; n < 0 {
			return func(ctx context.Context) { l.failed(ctx, w.run(ctx)) }
		}
	}
	return func(ctx context.Context) { l.failed(ctx, l.library(ctx)) }
}

// anItem picks one of the newest items; false when there is none.
func (l *load) anItem() (item, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.items) == 0 {
		return item{}, false
	}
	return l.items[pickRecent(len(l.items))], true
}

// aPurchase picks one of the newest purchases, and moves its buyer on; nil when there is none.
func (l *load) aPurchase() (p *purchase, position int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.owned) == 0 {
		return nil, 0
	}
	p = l.owned[pickRecent(len(l.owned))]
	p.position = min(duration, p.position+rand.N(200)) //nolint:gosec // a position
	return p, p.position
}

// pickRecent prefers the last 200 of n: few hot rows find more than many cold ones.
func pickRecent(n int) int {
	first := max(0, n-200)
	return first + rand.N(n-first) //nolint:gosec // a choice of work
}
