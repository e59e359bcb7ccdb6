package edge

import (
	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"

	"github.com/codex-platform/codex/events/bus"
)

// tracing returns the middleware that continues the trace of a client: with spans and
// metrics where they are exported.
func tracing(exported bool) gin.HandlerFunc {
	if exported {
		return otelgin.Middleware("codex")
	}
	return func(c *gin.Context) {
		if parent := c.GetHeader("Traceparent"); parent != "" {
			c.Request = c.Request.WithContext(bus.WithTraceParent(c.Request.Context(), parent))
		}
	}
}
