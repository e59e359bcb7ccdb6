package images

import (
	"context"
	"sync"
)

// turns lets one conversion of each user at a time through, so that no user takes all slots.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	busy chan struct{} // holds a value while a conversion goes on
	// users is how many hold the turn or wait for it.
	users int
}

// take waits for a user's turn until ctx is done. release ends the turn.
func (t *turns) take(ctx context.Context, user string) (release func(), err error) {
	t.mu.Lock()
	if t.of == nil {
		t.of = map[string]*turn{}
	}
	own := t.of[user]
	if own == nil {
		own = &turn{busy: make(chan struct{}, 1)}
		t.of[user] = own
	}
	own.users++
	t.mu.Unlock()

	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.of, user)
		}
	}
	select {
	case own.busy <- struct{}{}:
		return func() { <-own.busy; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
