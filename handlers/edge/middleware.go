package edge

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/commands"
)

const (
	requestIDKey    = "request-id"
	requestIDHeader = "X-Request-Id"
	// slowRequest is flagged in the log.
	slowRequest = 2 * time.Second
)

var safeRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// requestID uses the client's request id when it is safe to log, else a new one.
func (e *Edge) requestID(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if !safeRequestID.MatchString(id) {
		id = uuid.NewString()
	}
	c.Set(requestIDKey, id)
	c.Header(requestIDHeader, id)
}

// logRequest writes one line per request, without query, body and other places of secrets.
func (e *Edge) logRequest(c *gin.Context) {
	start := time.Now()
	defer func() {
		took := time.Since(start)
		level := slog.LevelInfo
		if took > slowRequest {
			level = slog.LevelWarn
		}
		if !e.cfg.Log.Enabled(c.Request.Context(), level) {
			return
		}
		e.cfg.Log.Log(c.Request.Context(), level, "request",
			"method", c.Request.Method,
			"route", c.FullPath(),
			"status", c.Writer.Status(),
			"ms", took.Milliseconds(),
			"slow", took > slowRequest,
			"agent", shortened(c.Request.UserAgent()),
			"request", c.GetString(requestIDKey))
	}()
	c.Next()
}

// shortened bounds a client's text in the log.
func shortened(s string) string {
	const limit = 200
	return s[:min(len(s), limit)]
}

// recoverPanic turns a panic into INTERNAL_ERROR. When a part of the response has been
// sent, it closes the connection, so that the client does not take the part for the whole.
func (e *Edge) recoverPanic(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler { //nolint:errorlint,err113 // it is a value, not in a chain
			panic(p)
		}
		e.cfg.Log.ErrorContext(c.Request.Context(), "panic in a handler",
			"panic", p, "request", c.GetString(requestIDKey), "stack", string(debug.Stack()))
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		c.AbortWithStatusJSON(http.StatusInternalServerError, commands.InternalError(c.GetString(requestIDKey)))
	}()
	c.Next()
}

// The content security policies.
var (
	// apiPolicy is for responses that are not pages.
	apiPolicy = strings.Join([]string{
		"default-src 'none'", "script-src 'none'", "style-src 'none'", "img-src 'none'", "font-src 'none'",
		"connect-src 'self'", "frame-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
	}, "; ")
	// pagePolicy is for pages; most replace it by a narrower one.
	pagePolicy = strings.Join([]string{
		"default-src 'self'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data: https:",
		"font-src 'self'", "connect-src 'self'", "frame-src 'none'", "frame-ancestors 'none'", "base-uri 'self'",
		"form-action 'self'",
	}, "; ")
)

// securityHeaders sets the security headers of responses that are not pages.
func (e *Edge) securityHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", apiPolicy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Permissions-Policy", "geolocation=(), microphone=(), camera=(), payment=()")
	h.Set("Cache-Control", "no-store")
	if !e.cfg.Development {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload")
	}
}

// pageHeaders sets the security headers that differ for pages.
func (e *Edge) pageHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	if !e.cfg.Development {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

// noMethod responds to a method that a path does not have: to OPTIONS with the methods that
// it has (the router lists them in Allow), to others with 404.
func (e *Edge) noMethod(c *gin.Context) {
	if c.Request.Method == http.MethodOptions {
		c.AbortWithStatus(http.StatusNoContent)
		return
	}
	e.writeError(c, errNoMethod)
}

// What a web app of another origin may send, and see of the response.
var (
	corsMethods = strings.Join([]string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}, ", ")
	corsHeaders = "Content-Type, Authorization, Cookie, Idempotency-Key, Prefer, Range, X-Request-Id, " +
		"Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Checksum"
	corsExposed = "Content-Length, X-Request-Id, Location, Retry-After, " +
		"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, " +
		"Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, " +
		"Upload-Length, Upload-Offset, Upload-Metadata, Upload-Expires"
)

// corsMaxAge is how long a browser may cache the response to a preflight, in seconds.
const corsMaxAge = "86400"

// developmentPorts are where web apps and services listen on a developer's machine.
var developmentPorts = []string{"3000", "5173", "8787", "8788", "8789", "4001", "4002"}

// origins are the origins whose pages may use this edge with their user's cookie.
type origins struct {
	exact       []string
	development bool
}

// newOrigins returns the allowed origins: those of the web apps, then this edge's own.
func newOrigins(cfg Config) (origins, error) {
	o := origins{development: cfg.Development}
	for _, origin := range slices.Concat(cfg.WebOrigins, []string{cfg.PublicURL}, cfg.OwnOrigins) {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
			return o, fmt.Errorf("edge: %q is not an origin", origin)
		}
		// As browsers write it: without a path, in lower case.
		o.exact = append(o.exact, strings.ToLower(u.Scheme+"://"+u.Host))
	}
	return o, nil
}

// allows reports whether an origin is allowed.
func (o origins) allows(origin string) bool {
	if slices.Contains(o.exact, origin) {
		return true
	}
	if !o.development {
		return false
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || origin != u.Scheme+"://"+u.Host {
		return false
	}
	host := u.Hostname()
	return host == "localhost" && slices.Contains(developmentPorts, u.Port()) ||
		strings.HasSuffix(host, ".lvh.me") || strings.HasSuffix(host, ".nip.io")
}

// cors sets the CORS headers and responds to preflights. For an unknown origin,
// Access-Control-Allow-Origin is the first allowed one.
func (e *Edge) cors(c *gin.Context) {
	h := c.Writer.Header()
	h.Add("Vary", "Origin")
	origin := c.GetHeader("Origin")
	if origin == "" {
		return
	}
	if !e.origins.allows(origin) {
		origin = e.origins.exact[0]
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	if c.Request.Method != http.MethodOptions || c.GetHeader("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", corsExposed)
		return
	}
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	c.AbortWithStatus(http.StatusNoContent)
}

// crossOrigin rejects unsafe requests that a browser sends from another site with the
// user's cookie (CSRF). Requests without a cookie (webhooks, callbacks, other programs)
// have no authority that a browser adds by itself.
//
// [http.CrossOriginProtection] checks Sec-Fetch-Site and Origin. A request with neither
// comes from a program, or from an old browser, which sends only forms to other sites
// without a preflight.
func (e *Edge) crossOrigin(c *gin.Context) {
	if c.GetHeader("Cookie") == "" || isSafe(c.Request.Method) {
		return
	}
	origin := c.GetHeader("Origin")
	if origin == "" && c.GetHeader("Sec-Fetch-Site") == "" {
		kind, _, _ := strings.Cut(c.GetHeader("Content-Type"), ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/x-www-form-urlencoded", "text/plain":
			e.writeError(c, errCrossOrigin)
		}
		return
	}
	if origin != "" && e.origins.allows(origin) {
		return
	}
	if (&http.CrossOriginProtection{}).Check(c.Request) != nil {
		e.writeError(c, errCrossOrigin)
	}
}

func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
