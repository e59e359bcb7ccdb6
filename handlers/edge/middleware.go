package edge

import (
	"net/http"
	"net/url"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/wire"
)

const (
	requestIDKey    = "request-id"
	requestIDHeader = "X-Request-Id"
	// slowRequest is flagged in the log.
	slowRequest = 2 * time.Second
)

var safeRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// requestID takes the client's request id when it is harmless, else makes one.
func (e *Edge) requestID(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if !safeRequestID.MatchString(id) {
		id = uuid.NewString()
	}
	c.Set(requestIDKey, id)
	c.Header(requestIDHeader, id)
}

// logRequest writes one line per request: never a query, a body or a header that
// could hold a secret.
func (e *Edge) logRequest(c *gin.Context) {
	start := time.Now()
	c.Next()
	took := time.Since(start)
	e.cfg.Log.InfoContext(c, "request",
		"method", c.Request.Method, "route", c.FullPath(), "status", c.Writer.Status(),
		"ms", took.Milliseconds(), "slow", took > slowRequest, "request", c.GetString(requestIDKey))
}

// recoverPanic turns a panic into INTERNAL_ERROR.
func (e *Edge) recoverPanic(c *gin.Context) {
	defer func() {
		if p := recover(); p != nil {
			e.cfg.Log.ErrorContext(c, "panic in a handler", "panic", p, "request", c.GetString(requestIDKey), "stack", string(debug.Stack()))
			if !c.Writer.Written() {
				c.AbortWithStatusJSON(http.StatusInternalServerError, wire.Internal(c.GetString(requestIDKey)))
			}
			c.Abort()
		}
	}()
	c.Next()
}

// securityHeaders sets the headers of the contract. Pages replace the policy.
func (e *Edge) securityHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Permissions-Policy", "geolocation=(), microphone=(), camera=(), payment=()")
	h.Set("Cache-Control", "no-store")
	if !e.cfg.Development {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload")
	}
}

// crossOrigin refuses unsafe requests that a browser sends from another site with
// the user's cookie. Requests without a cookie (webhooks, callbacks, other
// programs) carry no authority that a browser could be tricked into lending.
func (e *Edge) crossOrigin(c *gin.Context) {
	switch c.Request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return
	}
	if c.GetHeader("Cookie") == "" {
		return
	}
	site, origin := c.GetHeader("Sec-Fetch-Site"), c.GetHeader("Origin")
	if origin != "" && e.ownOrigin(c, origin) {
		return
	}
	if (site == "" || site == "same-origin" || site == "none") && origin == "" {
		return
	}
	e.refuse(c, domain.Refuse(domain.Forbidden, "CROSS_ORIGIN", "This request came from another site"))
}

func (e *Edge) ownOrigin(c *gin.Context, origin string) bool {
	if origin == e.cfg.PublicURL {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == c.Request.Host
}
