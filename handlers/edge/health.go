package edge

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// Check is one question of /health.
type Check struct {
	// Name is what is asked about: database, bus, storage.
	Name string
	// Ask returns nil when it works.
	Ask func(ctx context.Context) error
}

const (
	// healthWait is how long an answer may take.
	healthWait = 2 * time.Second
	// healthFresh is how long an answer holds: anybody may ask, as often as they like.
	healthFresh = time.Second
)

// healthChecks ask the parts that this edge works with, all at once.
type healthChecks struct {
	checks []Check

	mu      sync.Mutex
	at      time.Time
	checked map[string]string
	healthy bool
}

// look returns what the parts answered last, or asks them again.
func (h *healthChecks) look(ctx context.Context) (map[string]string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) < healthFresh {
		return h.checked, h.healthy
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthWait)
	defer cancel()
	answers := make([]error, len(h.checks))
	var asked sync.WaitGroup
	for i, check := range h.checks {
		asked.Go(func() { answers[i] = check.Ask(ctx) })
	}
	asked.Wait()
	h.checked, h.healthy = map[string]string{}, true
	for i, check := range h.checks {
		h.checked[check.Name] = "ok"
		if answers[i] != nil {
			h.checked[check.Name], h.healthy = "unreachable", false
		}
	}
	h.at = time.Now()
	return h.checked, h.healthy
}

// answerHealth says whether everything works: 503 when something does not, although
// reads need only the database. Whoever takes an edge out of service asks /readyz.
func (e *Edge) answerHealth(c *Request) error {
	checks, healthy := e.health.look(c.Request.Context())
	status, answer := http.StatusOK, Health{
		Status: "healthy", Service: serviceOf(c.Context), Version: Version, Timestamp: e.cfg.Now().UTC(), Checks: checks,
	}
	if !healthy {
		status, answer.Status = http.StatusServiceUnavailable, "unhealthy"
	}
	c.JSON(status, answer)
	return nil
}

type serviceKey struct{}

// As returns the edge under the name of one service, for an address on which clients
// expect that service alone: at / it says what it is.
func (e *Edge) As(service string) http.Handler {
	handler := e.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), serviceKey{}, service)))
	})
}

// serviceOf is the name under which a request reached the edge.
func serviceOf(c *gin.Context) string {
	if name, ok := c.Request.Context().Value(serviceKey{}).(string); ok {
		return name
	}
	return "codex"
}

// introduce answers GET / where the edge goes by the name of a service.
func (e *Edge) introduce(c *gin.Context) {
	if c.Request.URL.Path != "/" || c.Request.Method != http.MethodGet || serviceOf(c) == "codex" {
		return
	}
	c.AbortWithStatusJSON(http.StatusOK, Service{
		Service: serviceOf(c), Version: Version, Status: "ok",
		Description: "The whole platform answers at this address; see /docs and /health.",
	})
}
