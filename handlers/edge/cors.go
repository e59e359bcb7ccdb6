package edge

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
)

// What a web app may do from another origin, and see of the answer.
var (
	corsMethods = strings.Join([]string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}, ", ")
	corsHeaders = "Content-Type, Authorization, Cookie, Idempotency-Key, Prefer, X-Request-Id"
	corsExposed = "Content-Length, X-Request-Id, Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
)

// corsMaxAge is how long a browser may remember the answer to a preflight, in seconds.
const corsMaxAge = "86400"

// developmentPorts are where web apps and services listen on a developer's machine.
var developmentPorts = []string{"3000", "5173", "8787", "8788", "8789", "4001", "4002"}

// origins are the origins whose pages may use this edge with their user's cookie.
type origins struct {
	exact       []string
	development bool
}

// newOrigins returns the allowed origins of a configuration: the web apps' first,
// then this edge's own.
func newOrigins(cfg Config) (origins, error) {
	o := origins{development: cfg.Development}
	for _, origin := range slices.Concat(cfg.WebOrigins, []string{cfg.PublicURL}, cfg.OwnOrigins) {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
			return o, fmt.Errorf("edge: %q is no origin", origin)
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

// cors tells browsers which pages may read the answers, and answers preflights. A
// page of an unknown origin is told the origin it would have to be of.
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

var errCrossOrigin = domain.Refuse(domain.Forbidden, "CROSS_ORIGIN", "This request came from another site")

// crossOrigin refuses unsafe requests that a browser sends from another site with
// the user's cookie. Requests without a cookie (webhooks, callbacks, other programs)
// carry no authority that a browser could be tricked into lending.
//
// Browsers say where a request comes from in Sec-Fetch-Site and Origin, and
// [http.CrossOriginProtection] judges by these. What says neither comes from a program,
// or from a browser so old that all it sends to other sites unasked is a form.
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
