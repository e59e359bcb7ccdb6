package cleanup_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/cleanup"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/ingest"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

// harness is an installation of the clean-up and of ingest, whose objects it removes.
type harness struct {
	*handlertest.Harness
	module handlers.Module
	// ahead is by how much the clock of the clean-up is ahead of the other clocks: sessions
	// must not expire.
	ahead *atomic.Int64
}

// newHarness starts an installation. triggerTimeout limits a triggered search; 0 is the default.
func newHarness(t *testing.T, triggerTimeout time.Duration) *harness {
	t.Helper()
	h := &harness{Harness: handlertest.New(t, handlertest.Options{}), ahead: &atomic.Int64{}}
	h.StartBus(natstest.Embedded(t), 1)
	h.StartStore()
	h.module = cleanup.New(cleanup.Config{
		Pool:           h.Pool,
		Media:          h.Media,
		Assets:         h.Assets,
		TriggerTimeout: triggerTimeout,
		Now:            func() time.Time { return h.Now().Add(time.Duration(h.ahead.Load())) },
		Log:            h.Logger,
	})
	uploads := ingest.New(ingest.Config{
		Pool:            h.Pool,
		Media:           h.Media,
		CompleteWait:    time.Minute,
		CallbackSecrets: [][]byte{[]byte(handlertest.TranscoderSecret)},
		Now:             h.Now,
		Log:             h.Logger,
	})
	h.Install(func(cfg *edge.Config) { cfg.Wait = time.Minute }, h.module, uploads)
	return h
}

// passCleanup moves the clock of the clean-up.
func (h *harness) passCleanup(d time.Duration) { h.ahead.Add(int64(d)) }

// run runs a job of the clean-up once.
func (h *harness) run(job string) int {
	h.Helper()
	return handlertest.Run(h, h.module, job)
}

// signed sends a request without a body as another program of the installation.
func (h *harness) signed(method, path string) handlertest.Answer {
	h.Helper()
	return h.Send(handlertest.Request{Method: method, Path: path, Header: h.SignedByWorker(method, path, nil)})
}
