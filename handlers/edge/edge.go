package edge

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"

	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/edge/openapi"
)

// Config is everything the edge needs. Zero durations take the defaults.
type Config struct {
	// Pool is the database; reads and session look-ups go through it.
	Pool *pgxpool.Pool
	// Dispatcher sends commands.
	Dispatcher *bus.Dispatcher
	// PublicURL is how clients reach this edge, without a trailing slash.
	PublicURL string
	// Development enables the conveniences that test clients use. It must never be
	// set where others can reach the edge.
	Development bool
	// WebOrigins are the origins of web apps that may use this edge from a browser, the
	// most important first: https://codex.example. PublicURL is always one.
	WebOrigins []string
	// OwnOrigins are further addresses of this edge itself.
	OwnOrigins []string
	// TrustedProxies are the networks of proxies whose X-Forwarded-For is believed; by
	// default none.
	TrustedProxies []netip.Prefix
	// LimitFactor widens the limits of all routes; default 1, in development 100. Or it
	// is [NoLimits].
	LimitFactor int
	// Checks are what /health checks, besides the database.
	Checks []Check
	// Resources are what the responses to commands show.
	Resources []Resource
	// Wait is how long a request waits for its command's outcome; default 10 s.
	Wait time.Duration
	// BodyWithin is how long the body of a request may take, beyond what its size takes
	// at 64 KiB a second; default 10 s.
	BodyWithin time.Duration
	// Workers verify the requests that other programs of the installation sign; nil
	// rejects them.
	Workers *workersig.Keys
	// Telemetry says that traces or metrics are exported. Without it, requests only pass
	// the trace of their client on: spans and metrics that are dropped cost 7 % of the CPU.
	Telemetry bool
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// Edge serves the HTTP contract.
type Edge struct {
	cfg    Config
	router *gin.Engine
	// routes are those of the contract, in the order of their declaration.
	routes    []Route
	resources map[string]Resource
	limiter   *ratelimit.Limiter
	// reads are those of shared routes that run.
	reads   singleflight.Group
	origins origins
	health  healthChecks
	// description returns the document of routes, which is made once.
	description func() *openapi.Document
}

// Time limits and sizes of the server. No body is read before its limit is set.
const (
	defaultWait       = 10 * time.Second
	defaultBodyWithin = 10 * time.Second
)

const (
	// MaxJSONBytes bounds a JSON body where its route sets no other limit.
	MaxJSONBytes = 256 << 10
	// MinUploadRate is the lowest average rate, in bytes per second, at which a client may
	// send a body: half a megabit. Without it, a byte now and then would hold a connection
	// for ever.
	MinUploadRate = 64 << 10
)

// New returns an edge that serves routes, besides those of the service itself.
func New(cfg Config, routes []Route) (*Edge, error) {
	if cfg.Wait == 0 {
		cfg.Wait = defaultWait
	}
	if cfg.BodyWithin == 0 {
		cfg.BodyWithin = defaultBodyWithin
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.LimitFactor == 0 {
		cfg.LimitFactor = 1
		if cfg.Development {
			cfg.LimitFactor = limitsInDevelopment
		}
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.HandleMethodNotAllowed = true
	router.RedirectTrailingSlash = false // the redirect would bypass the middleware
	router.ContextWithFallback = true
	if err := trustProxies(router, cfg.TrustedProxies); err != nil {
		return nil, err
	}
	e := &Edge{cfg: cfg, router: router, limiter: ratelimit.New(ratelimit.Config{DB: cfg.Pool, Now: cfg.Now})}
	var err error
	if e.origins, err = newOrigins(cfg); err != nil {
		return nil, err
	}
	if e.resources, err = resourcesOf(cfg.Resources); err != nil {
		return nil, err
	}
	e.health.log = cfg.Log
	e.health.checks = append([]Check{{Name: "database", Ask: checkWrites(cfg.Pool)}}, cfg.Checks...)
	e.description = sync.OnceValue(e.describe)
	router.Use(
		e.requestID,
		tracing(cfg.Telemetry),
		e.logRequest,
		e.recoverPanic,
		e.securityHeaders,
		e.ownHost,
		e.wellFormed,
		e.cors,
		e.crossOrigin,
		e.serviceInfo,
	)
	router.NoRoute(func(c *gin.Context) { e.writeError(c, errNoRoute) })
	router.NoMethod(e.noMethod)
	e.declare(e.serviceRoutes())
	e.declare(routes)
	e.description()
	return e, nil
}

// Handler returns the edge as an http.Handler. It serves HEAD like GET; net/http leaves
// out the body.
func (e *Edge) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = asGet(r)
		}
		e.router.ServeHTTP(w, r)
	})
}

// Version is the build's version, shown by /health and codex version.
var Version = "0.1.0"

// headKey marks the context of a HEAD request that is routed as GET.
type headKey struct{}

// asGet returns a copy of a HEAD request as GET. The server must still see a HEAD.
func asGet(head *http.Request) *http.Request {
	get := head.WithContext(context.WithValue(head.Context(), headKey{}, true))
	get.Method = http.MethodGet
	return get
}

// isHead reports whether a request came as HEAD.
func isHead(c *gin.Context) bool { return c.Request.Context().Value(headKey{}) != nil }
