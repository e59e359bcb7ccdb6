package edge

import "github.com/gin-gonic/gin"

// limitAddress limits how often an address may use a route.
func (e *Edge) limitAddress(Route) gin.HandlerFunc { return func(*gin.Context) {} }

// limitUser limits how often a signed-in user may.
func (e *Edge) limitUser(Route) gin.HandlerFunc { return func(*gin.Context) {} }
