package main

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/migrations"
)

// probeFresh is for how long the result of a probe is used again.
const probeFresh = time.Second

// probe is the body of /readyz.
type probe struct {
	// Ready says that requests, or messages, are handled.
	Ready bool   `json:"ready"`
	Roles []role `json:"roles"`
	// Checks have "ok" or the reason for each part. An edge is ready without the bus: it
	// serves reads, and accepts writes with 202.
	Checks map[string]string `json:"checks"`
}

// prober makes probes of some roles.
type prober struct {
	ready *readiness
	roles []role

	mu   sync.Mutex
	at   time.Time
	last probe
}

func (p *prober) probe(ctx context.Context) probe {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stopping := p.ready.stopping.Load(); time.Since(p.at) < probeFresh && !stopping {
		return p.last
	}
	result := probe{Ready: true, Roles: p.roles, Checks: map[string]string{}}
	check := func(part string, err error, required bool) {
		result.Checks[part] = "ok"
		if err != nil {
			result.Checks[part] = safeText(err.Error())
			result.Ready = result.Ready && !required
		}
	}
	version, err := p.ready.schema(ctx)
	check("database", err, true)
	if err == nil && version < migrations.Newest() {
		check("schema", errOldSchema(version), true)
	}
	check("bus", p.ready.bus(), slices.ContainsFunc(p.roles, func(r role) bool { return r != roleEdge }))
	if p.ready.stopping.Load() {
		check("process", errStopping, true)
	}
	p.at, p.last = time.Now(), result
	return result
}

// serveProbes answers /livez and /readyz on the internal address, when one is set, until
// it is stopped.
func (p *platform) serveProbes(ctx context.Context, roles []role) (stop func(), err error) {
	if p.cfg.Internal == "" {
		return func() {}, nil
	}
	listener, err := listen(ctx, "CODEX_INTERNAL_ADDR", p.cfg.Internal)
	if err != nil {
		return nil, err
	}
	prober := &prober{ready: p.ready, roles: roles}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		result := prober.probe(r.Context())
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if !result.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(result)
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = edge.Server{Grace: time.Second}.Serve(ctx, listener, mux)
	}()
	return func() { cancel(); <-done }, nil
}
