package edge

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/wire"
)

// Route declares one operation of the HTTP contract, and it is the only place that
// does: the router, the checks before the handler, /openapi.json and /docs are made
// from it.
type Route struct {
	// Method and Path, in gin's notation, are where it is.
	Method, Path string
	// Name identifies the operation, in camel case: createContent.
	Name string
	// Summary is one line, Notes are more of them; both for the description.
	Summary, Notes string
	// Who may ask.
	Who Who
	// Limit is how often; the zero value is limitAPI.
	Limit Limit
	// Params are the query parameters, and those path parameters that are not UUIDs.
	Params []Param
	// Body is a zero value of the request's type; nil for none (an absent body and {}
	// are then accepted).
	Body any
	// BodyType is the media type of a body that is not JSON.
	BodyType string
	// MaxBody is the most bytes that a JSON body may have; default 256 KiB. A handler that
	// reads another kind of body bounds it itself.
	MaxBody int64
	// Command says that the operation is a command: it takes Idempotency-Key and
	// Prefer: respond-async, and may answer 202 with the operation's address.
	Command bool
	// Keyed says that the operation is no command, yet takes Idempotency-Key: what
	// carries credentials or tells who somebody is, and must not lie in a stream. See
	// [Edge.once].
	Keyed bool
	// Answers are the successes.
	Answers []Answer
	// Refusals are those that this operation adds to the ones which follow from Who,
	// Params, Body and Limit.
	Refusals []*domain.Error
	// Development says that the operation exists in development only.
	Development bool
	// Handle serves it; what it returns is refused with.
	Handle func(c *gin.Context) error
}

// Answer is one success of a route.
type Answer struct {
	Status int
	// Body is a zero value of the answer's type, envelope included; nil for none.
	Body any
	// Type is the media type; default application/json.
	Type string
	// What says what it is, when the status does not.
	What string
}

// Who says who may use a route.
type Who struct {
	kind  whoKind
	roles []string
}

type whoKind int

const (
	whoAnyone whoKind = iota
	whoOptional
	whoSession
	whoWorker
	whoStripe
	whoTranscoder
	whoToken
)

// Who may ask, other than the holders of a session, for whom there is [withSession].
var (
	anyone = Who{kind: whoAnyone}
	// maybeSignedIn are routes that show more to who is signed in.
	maybeSignedIn = Who{kind: whoOptional}
	// signedWorker are programs that know the secret of this installation.
	signedWorker = Who{kind: whoWorker}
	// signedStripe and signedTranscoder are programs that sign what they send; the
	// handler checks the signature over the body.
	signedStripe     = Who{kind: whoStripe}
	signedTranscoder = Who{kind: whoTranscoder}
	// withToken are routes whose address carries a signed token.
	withToken = Who{kind: whoToken}
)

// withSession are the users who are signed in and, when roles are named, have one
// of these platform roles.
func withSession(roles ...string) Who { return Who{kind: whoSession, roles: roles} }

// Limit is how often a route may be used, by one address and by one user.
type Limit struct {
	Name   string
	Most   int
	Window time.Duration
}

// The limits of the contract.
var (
	limitAPI       = Limit{"api", 100, time.Minute}
	limitAuth      = Limit{"auth", 5, 15 * time.Minute}
	limitStrict    = Limit{"strict", 20, time.Minute}
	limitStreaming = Limit{"streaming", 60, time.Minute}
	limitWebhook   = Limit{"webhook", 1000, time.Minute}
	limitWeb       = Limit{"web", 300, time.Minute}
	// limitNone is for what must answer whatever else happens.
	limitNone = Limit{Name: "none"}
)

// Resource is one resource's side of the edge: the routes it declares.
type Resource interface {
	Routes(e *Edge) []Route
}

// declare registers routes: limit by address, who, limit by user, parameters, then
// the handler.
func (e *Edge) declare(routes []Route) {
	for _, r := range routes {
		if r.Development && !e.cfg.Development {
			continue
		}
		if r.Limit.Name == "" {
			r.Limit = limitAPI
		}
		e.routes = append(e.routes, r)
		checks := []gin.HandlerFunc{e.limitAddress(r), e.require(r.Who), e.limitUser(r)}
		if r.Limit == limitNone {
			checks = []gin.HandlerFunc{e.require(r.Who)}
		}
		e.router.Handle(r.Method, r.Path, append(checks, e.boundBody(r.MaxBody), e.readParams(r.Params), func(c *gin.Context) {
			if err := r.Handle(c); err != nil {
				e.refuse(c, err)
			}
		})...)
	}
}

// require returns the check of who asks.
func (e *Edge) require(w Who) gin.HandlerFunc {
	switch w.kind {
	case whoSession:
		return e.signedIn(w.roles...)
	case whoOptional:
		return func(c *gin.Context) {
			if _, err := e.actor(c); err != nil {
				e.refuse(c, err)
			}
		}
	case whoWorker:
		return func(c *gin.Context) {
			if err := e.verifyWorker(c); err != nil {
				e.refuse(c, err)
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

// single declares the answer {"data": T}.
func single[T any](status int) Answer { return Answer{Status: status, Body: dataOf[T]{}} }

// dataOf is the envelope of one resource, with the resource's type.
type dataOf[T any] struct {
	Data T `json:"data"`
}

// listOf declares the answer {"items": [T], "pagination": …}.
func listOf[T any]() Answer { return Answer{Status: http.StatusOK, Body: wire.List[T]{}} }

// noContent declares an empty answer.
var noContent = Answer{Status: http.StatusNoContent}
