package edge

import "github.com/gin-gonic/gin"

// SignedIn and ActorOf let the benchmark's peer authenticate as our own routes do.
func SignedIn(e *Edge, roles ...string) gin.HandlerFunc { return e.requireSession(roles...) }

// ActorOf returns the signed-in user.
func ActorOf(c *gin.Context) *Actor { return c.MustGet(actorKey).(*Actor) }
