package postgres_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/identity/postgres"
)

func TestHitsCountUpToTheEndOfTheirWindow(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	key := postgres.LimitKey("test", "ada@example.org")
	if strings.Contains(key, "ada") {
		t.Fatalf("the key %q contains the address", key)
	}
	for i, c := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {5 * time.Minute, 2}, {15*time.Minute - time.Second, 3}, {15 * time.Minute, 1}, {29 * time.Minute, 2}} {
		hits, end, err := postgres.Hit(t.Context(), pool, key, 15*time.Minute, noon.Add(c.at))
		must(t, err)
		wantEnd := noon.Add(15 * time.Minute)
		if i > 2 {
			wantEnd = noon.Add(30 * time.Minute)
		}
		if hits != c.want || !end.Equal(wantEnd) {
			t.Fatalf("at %v: %d until %v, want %d until %v", c.at, hits, end, c.want, wantEnd)
		}
	}
	if hits, _, err := postgres.Hits(t.Context(), pool, key, false, noon.Add(29*time.Minute)); err != nil || hits != 2 {
		t.Fatalf("read %d, %v", hits, err)
	}
	if hits, _, err := postgres.Hits(t.Context(), pool, key, false, noon.Add(30*time.Minute)); err != nil || hits != 0 {
		t.Fatalf("after its window: %d, %v", hits, err)
	}
	must(t, postgres.ClearHits(t.Context(), pool, key))
	if hits, _, err := postgres.Hits(t.Context(), pool, key, false, noon.Add(29*time.Minute)); err != nil || hits != 0 {
		t.Fatalf("after clearing: %d, %v", hits, err)
	}
}

func TestConcurrentHitsAreAllCounted(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	const crowd = 40
	seen := make(chan int, crowd)
	var wg sync.WaitGroup
	for range crowd {
		wg.Go(func() {
			hits, _, err := postgres.Hit(t.Context(), pool, "test:crowd", time.Minute, noon)
			if err != nil {
				t.Error(err)
			}
			seen <- hits
		})
	}
	wg.Wait()
	close(seen)
	counts := map[int]bool{}
	for hits := range seen {
		counts[hits] = true
	}
	for n := 1; n <= crowd; n++ {
		if !counts[n] {
			t.Fatalf("no hit has number %d", n)
		}
	}
}
