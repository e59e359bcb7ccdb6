package edge

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
)

// Route declares one operation. The router, the checks before the handler, /openapi.json
// and /docs are made from it.
type Route struct {
	// Method and Path, in gin's notation, are where it is served.
	Method, Path string
	// Name identifies the operation, in camel case: createContent.
	Name string
	// Summary is one line, Notes are more of them; both are for the description.
	Summary, Notes string
	// Auth is who may use it; the zero value is [Public].
	Auth Auth
	// Limit is how often; the zero value is 100 a minute, for a page 300.
	Limit Limit
	// Params are the query parameters, and those path parameters that are not UUIDs.
	Params []Param
	// Headers are those of the request that the handler reads, as it reads parameters.
	Headers []Param
	// Body is a zero value of the request's type; nil for none (an absent body and {}
	// are then accepted).
	Body any
	// BodyType is the media type of a body that is not JSON.
	BodyType string
	// MaxBody is the largest JSON body in bytes; default 256 KiB. A handler that reads
	// another kind of body bounds it itself.
	MaxBody int64
	// Command names the command that [Request.Send] sends, for example content.create.
	// Such an operation accepts Idempotency-Key and Prefer: respond-async, and may respond
	// 202 with the operation's address.
	Command string
	// Wait is how long a request waits for the outcome of Command before the response is 202,
	// when it is shorter than [Config.Wait].
	Wait time.Duration
	// Sends names further commands that the handler sends.
	Sends []string
	// Idempotent says that the operation sends no command, yet accepts Idempotency-Key:
	// credentials and personal data must not be stored in a stream.
	Idempotent bool
	// Responses are the successful ones.
	Responses []Response
	// Errors are those of this operation, besides the ones which follow from Auth, Params,
	// Body and Limit.
	Errors []*domain.Error
	// Shared says that the response is the same for all clients: it depends on path and query
	// alone, caches may keep it for a minute, and what many ask for at once is read once. The
	// handler writes it with the methods of [Request].
	Shared bool
	// Development says that the operation exists in development only.
	Development bool
	// Page says that the route serves a web page: it has the security headers of a page
	// and is not part of the description.
	Page bool
	// Handle serves it; the error that it returns is written as the response.
	Handle func(r *Request) error
}

// Response is a successful response of a route.
type Response struct {
	Status int
	// Body is a zero value of the response's type, envelope included; nil for none.
	Body any
	// Type is the media type; default application/json.
	Type string
	// Doc describes it when the status does not.
	Doc string
}

// Limit is how often one address or one user may use a route.
type Limit struct {
	Name   string
	Max    int
	Window time.Duration
}

// The limits of the contract.
var (
	LimitAuth      = Limit{"auth", 5, 15 * time.Minute}
	LimitStrict    = Limit{"strict", 20, time.Minute}
	LimitStreaming = Limit{"streaming", 60, time.Minute}
	LimitWebhook   = Limit{"webhook", 1000, time.Minute}
	// LimitFiles is for segments: a hundred viewers behind one address.
	LimitFiles = Limit{"files", 6000, time.Minute}

	limitAPI  = Limit{"api", 100, time.Minute}
	limitPage = Limit{"web", 300, time.Minute}
	// limitNone is for /health, which must always respond.
	limitNone = Limit{Name: "none"}
)

// declare registers routes. The checks run in this order: limit by address, auth, limit
// by user, parameters; then the handler.
func (e *Edge) declare(routes []Route) {
	for _, route := range routes {
		if route.Development && !e.cfg.Development {
			continue
		}
		if route.Limit.Name == "" {
			route.Limit = defaultLimit(route)
		}
		e.routes = append(e.routes, route)
		group := gin.IRouter(e.router)
		if route.Page {
			group = e.router.Group("", e.pageHeaders)
		}
		checks := []gin.HandlerFunc{e.limitAddress(route), e.require(route.Auth), e.limitUser(route)}
		if route.Limit == limitNone {
			checks = []gin.HandlerFunc{e.require(route.Auth)}
		}
		group.Handle(route.Method, route.Path, append(checks, e.serve(route))...)
	}
}

func defaultLimit(route Route) Limit {
	if route.Page {
		return limitPage
	}
	return limitAPI
}

// serve reads the parameters of a request and calls the route's handler.
func (e *Edge) serve(route Route) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := &Request{Context: c, ctx: c.Request.Context(), edge: e, route: &route}
		err := r.readParams()
		switch {
		case err != nil:
		case route.Shared:
			err = e.serveShared(r)
		default:
			err = route.Handle(r)
		}
		if err != nil {
			e.writeError(c, err)
		}
	}
}

// pathNames returns the names of a path's parameters.
func pathNames(path string) []string {
	var names []string
	for part := range strings.SplitSeq(path, "/") {
		if name, is := strings.CutPrefix(part, ":"); is {
			names = append(names, name)
		}
	}
	return names
}

// Data declares the response {"data": T}.
func Data[T any](status int) Response { return Response{Status: status, Body: dataOf[T]{}} }

// dataOf is [Single] with the resource's type.
type dataOf[T any] struct {
	Data T `json:"data"`
}

// ListOf declares the response {"items": [T], "pagination": …}.
func ListOf[T any]() Response { return Response{Status: http.StatusOK, Body: List[T]{}} }

// NoContent declares an empty response.
var NoContent = Response{Status: http.StatusNoContent}
