package edge

import (
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
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
	defer func() {
		took := time.Since(start)
		level := slog.LevelInfo
		if took > slowRequest {
			level = slog.LevelWarn
		}
		e.cfg.Log.Log(c.Request.Context(), level, "request",
			"method", c.Request.Method, "route", c.FullPath(), "status", c.Writer.Status(), "ms", took.Milliseconds(),
			"slow", took > slowRequest, "agent", shortened(c.Request.UserAgent()), "request", c.GetString(requestIDKey))
	}()
	c.Next()
}

// shortened bounds what a client writes into the log.
func shortened(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most]
	}
	return s
}

// recoverPanic turns a panic into INTERNAL_ERROR. Where a part of the answer is
// already under way the connection is cut, so that nobody takes the part for all.
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

// policies for what a browser may do with an answer.
var (
	// apiPolicy is for answers that are no pages.
	apiPolicy = strings.Join([]string{
		"default-src 'none'", "script-src 'none'", "style-src 'none'", "img-src 'none'", "font-src 'none'", "connect-src 'self'",
		"frame-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
	}, "; ")
	// pagePolicy is for pages; most replace it by a narrower one.
	pagePolicy = strings.Join([]string{
		"default-src 'self'", "script-src 'self'", "style-src 'self' 'unsafe-inline'", "img-src 'self' data: https:", "font-src 'self'",
		"connect-src 'self'", "frame-src 'none'", "frame-ancestors 'none'", "base-uri 'self'", "form-action 'self'",
	}, "; ")
)

// securityHeaders sets the headers of the contract's answers.
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

// pageHeaders replaces those that are different for pages.
func (e *Edge) pageHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	if !e.cfg.Development {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

// noMethod answers a method that a path does not have: OPTIONS with those it has (the
// router has named them in Allow), all others as if there were no such path.
func (e *Edge) noMethod(c *gin.Context) {
	if c.Request.Method == http.MethodOptions {
		c.AbortWithStatus(http.StatusNoContent)
		return
	}
	e.writeError(c, errNoMethod)
}
