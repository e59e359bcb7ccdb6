package edge

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/postgres/ratelimit"
)

// Every route has a limit: a number of requests in a window, counted for all edges
// together by package ratelimit. There are three counters:
//
//   - a signed-in user, from any address, up to the route's limit;
//   - an address, up to the route's limit, for requests without a session;
//   - an address, up to ten times the limit, for requests with a session cookie, before
//     the session is looked up: an office full of users may share one address, but a
//     flood of made-up cookies must not reach the database.
//
// When a request cannot be counted, the response is 503, on every route.

// NoLimits as Config.LimitFactor turns limits off.
const NoLimits = -1

const (
	// limitsInDevelopment is the factor in development, where test clients create dozens
	// of accounts from one address.
	limitsInDevelopment = 100
	// sharedAddress is how many users may share one address.
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
		if _, found := sessionToken(c); found && r.Auth.hasSession() {
			shared := r.Limit
			shared.Max *= sharedAddress
			e.count(c, r, shared, countShared, network(c.ClientIP()))
			return
		}
		c.Set(countedKey, true)
		e.count(c, r, r.Limit, countAddress, network(c.ClientIP()))
	}
}

// limitUser limits how often a signed-in user may use a route, and an address whose session
// cookie turned out invalid.
func (e *Edge) limitUser(r Route) gin.HandlerFunc {
	if e.cfg.LimitFactor == NoLimits || !r.Auth.hasSession() {
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

// hasSession reports whether a route looks up the session.
func (a Auth) hasSession() bool { return a.kind == authSession || a.kind == authOptional }

// count counts a request and rejects it above the limit. Routes of one path with one limit
// are counted together.
func (e *Edge) count(c *gin.Context, r Route, limit Limit, kind, whom string) {
	key := ratelimit.KeyOf(kind+" "+limit.Name+" "+r.Path, whom)
	verdict, err := e.limiter.Take(c.Request.Context(), key, limit.Max*e.cfg.LimitFactor, limit.Window)
	if err != nil {
		if c.Request.Context().Err() == nil {
			e.cfg.Log.WarnContext(c, "request not counted",
				"route", r.Path, "request", c.GetString(requestIDKey), "error", err)
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

// tooMany is the error of a request above the limit.
func tooMany(wait time.Duration) *domain.Error {
	return &domain.Error{
		Class:   domain.Limited,
		Message: "Too many requests; try again later",
		Context: map[string]any{"retryAfter": max(1, int64((wait+time.Second-1)/time.Second))},
	}
}

// unixUp rounds t up to a whole second.
func unixUp(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// network returns the key of an address: for IPv6 its /64, the network of one subscriber.
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

// trustProxies makes the router read the client's address from X-Forwarded-For, from its
// end, as far as these networks wrote it. Other headers are ignored.
func trustProxies(router *gin.Engine, networks []netip.Prefix) error {
	router.RemoteIPHeaders = []string{"X-Forwarded-For"}
	var trusted []string
	for _, n := range networks {
		trusted = append(trusted, n.String())
	}
	return router.SetTrustedProxies(trusted)
}

// ParseProxies reads addresses and networks, separated by commas: 10.0.0.0/8, ::1.
func ParseProxies(list string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		network, err := netip.ParsePrefix(part)
		if address, addressErr := netip.ParseAddr(part); addressErr == nil {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a network", part)
		}
		if network.Bits() == 0 {
			return nil, fmt.Errorf("%q is the whole Internet", part)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}
