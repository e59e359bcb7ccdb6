package edge

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"

	"github.com/codex-platform/codex/events/bus"
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
	// Wait is how long a request waits for its command's outcome; default 10 s.
	Wait time.Duration
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
}

// Edge serves the HTTP contract.
type Edge struct {
	cfg    Config
	router *gin.Engine
	// routes are those of the contract, in the order of their declaration.
	routes []Route
}

// Pages are routes that are not part of the contract: what people look at.
type Pages interface {
	Register(e *Edge, r gin.IRouter)
}

// Time limits and sizes of the server. No body is read before its limit is set.
const (
	defaultWait  = 10 * time.Second
	maxJSONBytes = 256 << 10
	maxHeader    = 16 << 10
)

// New returns an edge that serves the given parts: each is a [Resource] or [Pages].
func New(cfg Config, parts ...any) (*Edge, error) {
	if cfg.Wait == 0 {
		cfg.Wait = defaultWait
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.HandleMethodNotAllowed = true
	router.ContextWithFallback = true
	if err := router.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	e := &Edge{cfg: cfg, router: router}
	router.Use(
		e.requestID,
		otelgin.Middleware("codex"),
		e.logRequest,
		e.recoverPanic,
		e.securityHeaders,
		e.crossOrigin,
	)
	router.NoRoute(func(c *gin.Context) { e.refuse(c, errNoRoute) })
	router.NoMethod(func(c *gin.Context) { e.refuse(c, errNoMethod) })
	router.GET("/health", e.health)
	e.registerOperations(router)
	for _, part := range parts {
		switch part := part.(type) {
		case Resource:
			e.declare(part.Routes(e))
		case Pages:
			part.Register(e, router)
		default:
			return nil, fmt.Errorf("edge: %T is neither a resource nor pages", part)
		}
	}
	return e, nil
}

// Handler returns the edge as an http.Handler.
func (e *Edge) Handler() http.Handler { return e.router }

// Serve serves on a listener until ctx is done, and then finishes the requests in
// flight, for grace at most.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, grace time.Duration) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    maxHeader,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close()
		return err
	}
	return nil
}

// health says whether this edge can reach the database.
func (e *Edge) health(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c, 2*time.Second)
	defer cancel()
	status, word, database := http.StatusOK, "healthy", "ok"
	if err := e.cfg.Pool.Ping(ctx); err != nil {
		status, word, database = http.StatusServiceUnavailable, "unhealthy", "unreachable"
	}
	c.JSON(status, gin.H{
		"status": word, "service": "codex", "version": Version, "timestamp": e.cfg.Now().UTC(),
		"checks": gin.H{"database": database},
	})
}

// Version is the build's version, shown by /health and codex version.
var Version = "0.1.0"
