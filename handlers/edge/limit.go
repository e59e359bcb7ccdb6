package edge

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
)

// Every route has a limit: so many requests in a window, counted for all edges
// together by package ratelimit. Who is counted:
//
//   - a signed-in user, wherever the requests come from, up to the route's limit;
//   - an address, up to the route's limit, when nobody is signed in;
//   - an address from which somebody claims to be signed in, up to ten times the
//     limit, before the claim is looked at: an office full of users may share one
//     address, but a flood of made-up cookies must not reach the sessions.
//
// Who cannot be counted is refused with 503, on every route.

// NoLimits as Config.LimitFactor lets everybody do everything as often as they like.
const NoLimits = -1

const (
	// limitsInDevelopment widens the limits in development, where test clients make
	// dozens of accounts from one address.
	limitsInDevelopment = 100
	// sharedAddress is how many users one address may stand for.
	sharedAddress = 10
)

// Kinds of counters.
const (
	countUser    = "user"
	countAddress = "address"
	countShared  = "shared address"
)

const countedKey = "counted-by-address"

// limitAddress limits how often an address may use a route.
func (e *Edge) limitAddress(r Route) gin.HandlerFunc {
	if e.cfg.LimitFactor == NoLimits {
		return func(*gin.Context) {}
	}
	return func(c *gin.Context) {
		if _, claims := sessionToken(c); claims && r.Auth.looksUp() {
			shared := r.Limit
			shared.Max *= sharedAddress
			e.count(c, r, shared, countShared, network(c.ClientIP()))
			return
		}
		c.Set(countedKey, true)
		e.count(c, r, r.Limit, countAddress, network(c.ClientIP()))
	}
}

// limitUser limits how often a signed-in user may, and an address whose claim that
// somebody is signed in was false.
func (e *Edge) limitUser(r Route) gin.HandlerFunc {
	if e.cfg.LimitFactor == NoLimits || !r.Auth.looksUp() {
		return func(*gin.Context) {}
	}
	return func(c *gin.Context) {
		if c.GetBool(countedKey) {
			return
		}
		if actor, ok := c.Get(actorKey); ok {
			e.count(c, r, r.Limit, countUser, actor.(*Actor).UserID)
			return
		}
		e.count(c, r, r.Limit, countAddress, network(c.ClientIP()))
	}
}

// looksUp reports whether a route asks who is signed in.
func (a Auth) looksUp() bool { return a.kind == authSession || a.kind == authOptional }

// count counts a request and refuses it when that is one too many. Routes of one path
// under one limit are counted together.
func (e *Edge) count(c *gin.Context, r Route, limit Limit, kind, whom string) {
	key := ratelimit.KeyOf(kind+" "+limit.Name+" "+r.Path, whom)
	verdict, err := e.limiter.Take(c.Request.Context(), key, limit.Max*e.cfg.LimitFactor, limit.Window)
	if err != nil {
		if c.Request.Context().Err() == nil {
			e.cfg.Log.WarnContext(c, "request not counted", "route", r.Path, "request", c.GetString(requestIDKey), "error", err)
		}
		e.writeError(c, ErrUnavailable)
		return
	}
	h := c.Writer.Header()
	h.Set("X-Ratelimit-Limit", strconv.Itoa(verdict.Limit))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(verdict.Remaining))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(unixUp(verdict.Reset), 10))
	if !verdict.Allowed {
		e.writeError(c, tooMany(verdict.Wait))
	}
}

// tooMany is the refusal of one request too many.
func tooMany(wait time.Duration) *domain.Error {
	return &domain.Error{
		Class: domain.Limited, Message: "Too many requests; try again later",
		Context: map[string]any{"retryAfter": max(1, int64((wait+time.Second-1)/time.Second))},
	}
}

// unixUp is the first whole second that is not before t.
func unixUp(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// network returns what counts as one address: of IPv6 the /64, because that is
// what one subscriber gets.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
