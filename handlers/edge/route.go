package edge

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
)

// Route declares one operation, and it is the only place that does: the router, the
// checks before the handler, /openapi.json and /docs are made from it.
type Route struct {
	// Method and Path, in gin's notation, are where it is served.
	Method, Path string
	// Name identifies the operation, in camel case: createContent.
	Name string
	// Summary is one line, Notes are more of them; both are for the description.
	Summary, Notes string
	// Auth says who may use it.
	Auth Auth
	// Limit says how often; the zero value is [LimitAPI], for a page [LimitPage].
	Limit Limit
	// Params are the query parameters, and those path parameters that are not UUIDs.
	Params []Param
	// Body is a zero value of the request's type; nil for none (an absent body and {}
	// are then accepted).
	Body any
	// BodyType is the media type of a body that is not JSON.
	BodyType string
	// MaxBody is the largest JSON body in bytes; default 256 KiB. A handler that reads
	// another kind of body bounds it itself.
	MaxBody int64
	// Command names the command that the operation sends, for example content.create.
	// Such an operation takes Idempotency-Key and Prefer: respond-async, and may answer
	// 202 with the operation's address. [Request.Send] sends it.
	Command string
	// Sends names further commands that the handler sends.
	Sends []string
	// Idempotent says that the operation sends no command, yet takes Idempotency-Key:
	// what carries credentials or personal data must not lie in a stream.
	Idempotent bool
	// Responses are the successes.
	Responses []Response
	// Errors are those that this operation adds to the ones which follow from Auth,
	// Params, Body and Limit.
	Errors []*domain.Error
	// Development says that the operation exists in development only.
	Development bool
	// Page says that the route serves people, not clients: it gets the headers of a page
	// and is not part of the description.
	Page bool
	// Handle serves it; the error that it returns is written as the response.
	Handle func(r *Request) error
}

// Response is one success of a route.
type Response struct {
	Status int
	// Body is a zero value of the response's type, envelope included; nil for none.
	Body any
	// Type is the media type; default application/json.
	Type string
	// Doc describes it when the status does not.
	Doc string
}

// Auth says who may use a route.
type Auth struct {
	kind  authKind
	roles []string
}

type authKind int

const (
	authPublic authKind = iota
	authOptional
	authSession
	authWorker
	authStripe
	authTranscoder
	authToken
)

// Who may use a route, other than the holders of a session, for whom there is [Session].
var (
	Public = Auth{kind: authPublic}
	// OptionalSession is for routes that show more to a signed-in user.
	OptionalSession = Auth{kind: authOptional}
	// WorkerSignature is for programs that know the secret of this installation.
	WorkerSignature = Auth{kind: authWorker}
	// StripeSignature and TranscoderSignature are for programs that sign what they send;
	// the handler checks the signature over the body.
	StripeSignature     = Auth{kind: authStripe}
	TranscoderSignature = Auth{kind: authTranscoder}
	// PlaybackToken is for routes whose address carries a signed token; the handler
	// checks it.
	PlaybackToken = Auth{kind: authToken}
)

// Session is for signed-in users and, when roles are named, for those who have one of
// these platform roles.
func Session(roles ...string) Auth { return Auth{kind: authSession, roles: roles} }

// Limit says how often one address or one user may use a route.
type Limit struct {
	Name   string
	Max    int
	Window time.Duration
}

// The limits of the contract.
var (
	LimitAPI       = Limit{"api", 100, time.Minute}
	LimitAuth      = Limit{"auth", 5, 15 * time.Minute}
	LimitStrict    = Limit{"strict", 20, time.Minute}
	LimitStreaming = Limit{"streaming", 60, time.Minute}
	LimitWebhook   = Limit{"webhook", 1000, time.Minute}
	LimitPage      = Limit{"web", 300, time.Minute}
	// LimitNone is for what must answer whatever else happens.
	LimitNone = Limit{Name: "none"}
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
		if route.Limit == LimitNone {
			checks = []gin.HandlerFunc{e.require(route.Auth)}
		}
		group.Handle(route.Method, route.Path, append(checks, e.serve(route))...)
	}
}

func defaultLimit(route Route) Limit {
	if route.Page {
		return LimitPage
	}
	return LimitAPI
}

// serve reads the parameters of a request and calls the route's handler.
func (e *Edge) serve(route Route) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := &Request{Context: c, edge: e, route: &route}
		err := r.readParams()
		if err == nil {
			err = route.Handle(r)
		}
		if err != nil {
			e.writeError(c, err)
		}
	}
}

// require returns the check of who asks.
func (e *Edge) require(auth Auth) gin.HandlerFunc {
	switch auth.kind {
	case authSession:
		return e.requireSession(auth.roles...)
	case authOptional:
		return func(c *gin.Context) {
			if _, err := e.actor(c); err != nil {
				e.writeError(c, err)
			}
		}
	case authWorker:
		return func(c *gin.Context) {
			if err := e.verifyWorker(c); err != nil {
				e.writeError(c, err)
			}
		}
	default:
		return func(*gin.Context) {}
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

// dataOf is the envelope of one resource, with the resource's type.
type dataOf[T any] struct {
	Data T `json:"data"`
}

// ListOf declares the response {"items": [T], "pagination": …}.
func ListOf[T any]() Response { return Response{Status: http.StatusOK, Body: List[T]{}} }

// NoContent declares an empty response.
var NoContent = Response{Status: http.StatusNoContent}

// CachePublic lets caches keep an answer that is the same for everybody: for a minute.
const CachePublic = "public, max-age=60"
