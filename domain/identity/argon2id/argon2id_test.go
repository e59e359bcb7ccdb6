package argon2id_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity/argon2id"
)

// quick is a hasher whose hashes cost next to nothing.
var quick = argon2id.Config{Memory: 64, Iterations: 1}

func newHasher(t *testing.T, cfg argon2id.Config) *argon2id.Hasher {
	t.Helper()
	h, err := argon2id.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func check(t *testing.T, h *argon2id.Hasher, password, hash string) (match, weak bool) {
	t.Helper()
	match, weak, err := h.Check(t.Context(), password, hash)
	if err != nil {
		t.Fatal(err)
	}
	return match, weak
}

func TestTheDefaultCostIsOWASPsMinimum(t *testing.T) {
	t.Parallel()
	hash, err := newHasher(t, argon2id.Config{}).Hash(t.Context(), "a quiet winter river")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != "v=19" || parts[3] != "m=19456,t=2,p=1" {
		t.Fatalf("hash %s", hash)
	}
	// Unpadded base64: 16 bytes of salt are 22 characters, 32 of tag 43.
	if len(parts[4]) != 22 || len(parts[5]) != 43 {
		t.Fatalf("salt %d and tag %d characters", len(parts[4]), len(parts[5]))
	}
}

// The hash is a test vector of the reference implementation (phc-winner-argon2).
func TestHashesOfOtherImplementationsAreRead(t *testing.T) {
	t.Parallel()
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	h := newHasher(t, quick)
	if match, weak := check(t, h, "password", hash); !match || !weak {
		t.Errorf("the right password: match %v, weak %v (its salt has 8 bytes only)", match, weak)
	}
	if match, _ := check(t, h, "passwords", hash); match {
		t.Error("a wrong password matches")
	}
}

func TestOneHashPerPasswordAndSalt(t *testing.T) {
	t.Parallel()
	h := newHasher(t, quick)
	first, err := h.Hash(t.Context(), "a quiet winter river")
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.Hash(t.Context(), "a quiet winter river")
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two hashes share their salt")
	}
}

func TestAPasswordMatchesInEveryUnicodeForm(t *testing.T) {
	t.Parallel()
	h := newHasher(t, quick)
	hash, err := h.Hash(t.Context(), "caf\u00e9 au lait")
	if err != nil {
		t.Fatal(err)
	}
	if match, _ := check(t, h, "cafe\u0301 au lait", hash); !match {
		t.Error("a composed and a decomposed é differ")
	}
}

func TestAWeakerHashIsReportedAndAStrongerOneIsNot(t *testing.T) {
	t.Parallel()
	weak, err := newHasher(t, argon2id.Config{Memory: 64, Iterations: 1}).Hash(t.Context(), "a quiet winter river")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  argon2id.Config
		weak bool
	}{
		"the same":        {argon2id.Config{Memory: 64, Iterations: 1}, false},
		"more memory":     {argon2id.Config{Memory: 128, Iterations: 1}, true},
		"more iterations": {argon2id.Config{Memory: 64, Iterations: 2}, true},
		"less memory":     {argon2id.Config{Memory: 32, Iterations: 1}, false},
	} {
		match, isWeak := check(t, newHasher(t, c.cfg), "a quiet winter river", weak)
		if !match || isWeak != c.weak {
			t.Errorf("%s: match %v, weak %v", name, match, isWeak)
		}
	}
}

func TestAnUnknownAccountCostsAHashAndNeverMatches(t *testing.T) {
	t.Parallel()
	h := newHasher(t, quick)
	for _, password := range []string{"dummy", "", "a quiet winter river"} {
		before := h.Computed()
		if match, _ := check(t, h, password, ""); match {
			t.Errorf("%q matches an account that does not exist", password)
		}
		if h.Computed() != before+1 {
			t.Error("no hash was computed")
		}
	}
}

func TestAHashThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	h := newHasher(t, quick)
	for _, hash := range []string{
		"plain", "$2a$10$abcdefghijklmnopqrstuv", "$argon2id$v=18$m=64,t=1,p=1$AAAA$AAAA",
		"$argon2id$v=19$m=64,t=1,p=1$*$*",
	} {
		if match, _, err := h.Check(t.Context(), "x", hash); err == nil || match {
			t.Errorf("%q: %v, %v", hash, match, err)
		}
	}
}

// TestCallersAreRefusedWhenTheQueueIsFull fills a pool of one core and two waiting slots
// with more than it can take: some are served, the others are refused.
func TestCallersAreRefusedWhenTheQueueIsFull(t *testing.T) {
	t.Parallel()
	h := newHasher(t, argon2id.Config{
		Memory:     4 << 10,
		Iterations: 2,
		Cores:      1,
		Queue:      2,
	})
	const crowd = 24
	errs := make(chan error, crowd)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range crowd {
		wg.Go(func() {
			<-start
			_, err := h.Hash(context.Background(), "a quiet winter river")
			errs <- err
		})
	}
	close(start)
	wg.Wait()
	close(errs)
	served, refused := 0, 0
	for err := range errs {
		switch {
		case err == nil:
			served++
		case domain.IsClass(err, domain.Limited):
			refused++
		default:
			t.Fatal(err)
		}
	}
	if served == 0 || refused == 0 || served+refused != crowd {
		t.Fatalf("%d served, %d refused of %d", served, refused, crowd)
	}
	if _, err := h.Hash(t.Context(), "afterwards"); err != nil {
		t.Fatalf("the slots were not released: %v", err)
	}
}

func TestACancelledWaiterReleasesItsSlot(t *testing.T) {
	t.Parallel()
	h := newHasher(t, argon2id.Config{
		Memory:     8 << 10,
		Iterations: 2,
		Cores:      1,
		Queue:      1,
	})
	busy := make(chan error, 1)
	go func() {
		_, err := h.Hash(context.Background(), "slow")
		busy <- err
	}()
	deadline := time.Now().Add(10 * time.Second)
	for h.Computed() == 0 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Hash(ctx, "impatient"); !errors.Is(err, context.Canceled) {
		t.Fatalf("waited on: %v", err)
	}
	if err := <-busy; err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := h.Hash(t.Context(), "next"); err != nil {
			t.Fatalf("a slot is lost: %v", err)
		}
	}
}
