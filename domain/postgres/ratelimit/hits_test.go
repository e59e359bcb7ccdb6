package ratelimit_test

import (
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/postgres/ratelimit"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestHitsCountUpToTheEndOfTheirWindow(t *testing.T) {
	t.Parallel()
	pool := database(t)
	key := ratelimit.KeyOf("test", "ada@example.org")
	for i, c := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {5 * time.Minute, 2}, {15*time.Minute - time.Second, 3}, {15 * time.Minute, 1}, {29 * time.Minute, 2}} {
		hits, end, err := ratelimit.Hit(t.Context(), pool, key, 15*time.Minute, noon.Add(c.at))
		if err != nil {
			t.Fatal(err)
		}
		wantEnd := noon.Add(15 * time.Minute)
		if i > 2 {
			wantEnd = noon.Add(30 * time.Minute)
		}
		if hits != c.want || !end.Equal(wantEnd) {
			t.Fatalf("at %v: %d until %v, want %d until %v", c.at, hits, end, c.want, wantEnd)
		}
	}
	if hits, _, err := ratelimit.Hits(t.Context(), pool, key, false, noon.Add(29*time.Minute)); err != nil || hits != 2 {
		t.Fatalf("read %d, %v", hits, err)
	}
	if hits, _, err := ratelimit.Hits(t.Context(), pool, key, false, noon.Add(30*time.Minute)); err != nil || hits != 0 {
		t.Fatalf("after its window: %d, %v", hits, err)
	}
	if err := ratelimit.Clear(t.Context(), pool, key); err != nil {
		t.Fatal(err)
	}
	if hits, _, err := ratelimit.Hits(t.Context(), pool, key, false, noon.Add(29*time.Minute)); err != nil || hits != 0 {
		t.Fatalf("after clearing: %d, %v", hits, err)
	}
}

func TestNoHitIsLostAmongManyAtTheSameMoment(t *testing.T) {
	t.Parallel()
	pool := database(t)
	const crowd = 40
	seen := make(chan int, crowd)
	var wg sync.WaitGroup
	for range crowd {
		wg.Go(func() {
			hits, _, err := ratelimit.Hit(t.Context(), pool, ratelimit.KeyOf("test", "crowd"), time.Minute, noon)
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
			t.Fatalf("no hit was number %d", n)
		}
	}
}

func TestACrashOfTheDatabaseGivesAGuesserNoNewAttempts(t *testing.T) {
	t.Parallel()
	var logged bool
	err := database(t).QueryRow(t.Context(),
		`SELECT relpersistence = 'p' FROM pg_class WHERE oid = 'rate_limits'::regclass`).Scan(&logged)
	if err != nil || !logged {
		t.Errorf("rate_limits is a logged table: %t, %v", logged, err)
	}
}
