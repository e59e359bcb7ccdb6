package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	mediastore "github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events/bus"
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

// checks are what /health asks, besides whether the database takes writes. It is stricter
// than /readyz, by which balancers choose: what works less than fully is unhealthy.
func (p *platform) checks() ([]edge.Check, error) {
	store, err := p.storage()
	if err != nil {
		return nil, err
	}
	bucket := store.Bucket(p.cfg.S3BucketMedia)
	return []edge.Check{
		{Name: "schema", Ask: p.checkSchema},
		{Name: "bus", Ask: p.checkBus},
		{Name: "storage", Ask: func(ctx context.Context) error {
			_, err := bucket.Head(ctx, "health")
			if errors.Is(err, mediastore.ErrNotFound) {
				return nil // it answered
			}
			return err
		}},
		{Name: "process", Ask: func(context.Context) error {
			if p.ready.stopping.Load() {
				return edge.Reason("stopping")
			}
			return nil
		}},
	}, nil
}

// checkSchema returns nil when the schema is this program's.
func (p *platform) checkSchema(ctx context.Context) error {
	version, err := migrations.Version(ctx, p.pool)
	switch newest := migrations.Newest(); {
	case err != nil:
		return err
	case version < newest:
		return edge.Reason(fmt.Sprintf("version %d is older than this program's %d: migrate", version, newest))
	case version > newest:
		return edge.Reason(fmt.Sprintf("version %d is newer than this program's %d: deploy the newer one", version, newest))
	default:
		return nil
	}
}

// checkBus returns nil when the bus stores what is published.
func (p *platform) checkBus(ctx context.Context) error {
	if err := p.ready.link.err(p.conn); err != nil {
		return fmt.Errorf("%w: %w", edge.Reason("not connected"), err)
	}
	if err := bus.CheckStore(ctx, p.conn, p.limits); err != nil {
		return fmt.Errorf("%w: %w", edge.Reason("does not store"), err)
	}
	return nil
}
