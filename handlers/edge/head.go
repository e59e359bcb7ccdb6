package edge

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
)

// headKey marks the context of a request that came as HEAD.
type headKey struct{}

// asGet returns a HEAD as the GET it is routed as. It is a copy: the server still has to
// see a HEAD.
func asGet(head *http.Request) *http.Request {
	get := head.WithContext(context.WithValue(head.Context(), headKey{}, true))
	get.Method = http.MethodGet
	return get
}

// isHead reports whether a request came as HEAD. A GET that changes something must leave
// it then: mail programs look at links that way.
func isHead(c *gin.Context) bool { return c.Request.Context().Value(headKey{}) != nil }
