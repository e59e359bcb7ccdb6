package edge

import "github.com/gin-gonic/gin"

// SignedIn and ActorOf let the benchmark's peer authenticate as our own routes do.
func SignedIn(e *Edge, roles ...string) gin.HandlerFunc { return e.signedIn(roles...) }

// ActorOf returns the signed-in user.
func ActorOf(c *gin.Context) *Actor { return mustActor(c) }
