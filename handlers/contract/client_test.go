package contract_test

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// client is a client of the original: it keeps every cookie, sends Origin, follows no
// redirect, and knows nothing that the contract of the original does not say.
type client struct {
	*harness
	jar http.CookieJar
	// followed are the routes that were used, by all clients of a test.
	followed map[string]bool
}

func (w *harness) newClient(followed map[string]bool) *client {
	return &client{harness: w, followed: followed, jar: handlertest.Must(cookiejar.New(nil))(w)}
}

var placeholder = regexp.MustCompile(`:\w+`)

// got is a response that is checked.
type got struct {
	answer
	t     *testing.T
	route string
}

// call uses a route of the original: its text with :names, which args replace in
// order. A body is sent as JSON, bytes as they are; headers come in pairs.
func (c *client) call(route string, body any, args ...string) got {
	c.Helper()
	return c.with(nil, route, body, args...)
}

func (c *client) with(headers map[string]string, route string, body any, args ...string) got {
	c.Helper()
	name, query, _ := strings.Cut(route, "?")
	c.followed[name] = true
	method, path, _ := strings.Cut(name, " ")
	path = placeholder.ReplaceAllStringFunc(path, func(string) string {
		first := args[0]
		args = args[1:]
		return url.PathEscape(first)
	})
	if query != "" {
		path += "?" + query
	}
	return got{c.send(request{
		Method: method,
		Path:   path,
		Body:   body,
		Header: headers,
		Jar:    c.jar,
	}), c.T, route}
}

// is checks the status, and ends the test when it is another one: what follows rests
// on it.
func (g got) is(status int) got {
	g.t.Helper()
	if g.Status != status {
		g.t.Fatalf("%s: %d instead of %d: %s", g.route, g.Status, status, g.Body)
	}
	return g
}

// has checks that fields are there, null or not.
func (g got) has(paths ...string) got {
	g.t.Helper()
	for _, path := range paths {
		parent, name := "", path
		if i := strings.LastIndex(path, "."); i >= 0 {
			parent, name = path[:i], path[i+1:]
		}
		object := g.At(parent)
		if parent == "" {
			_ = json.Unmarshal([]byte(g.Body), &object)
		}
		m, _ := object.(map[string]any)
		if _, there := m[name]; !there {
			g.t.Errorf("%s: there is no %s in %s", g.route, path, g.Body)
		}
	}
	return g
}

// says checks the value of a field.
func (g got) says(path string, want any) got {
	g.t.Helper()
	if n, is := want.(int); is {
		want = float64(n)
	}
	if v := g.At(path); v != want {
		g.t.Errorf("%s: %s is %v instead of %v in %s", g.route, path, v, want, g.Body)
	}
	return g
}

// fails checks an error: status and code, and the envelope.
func (g got) refused(status int, code string) got {
	g.t.Helper()
	return g.is(status).says("error.code", code).has("error.message")
}

// listed checks the envelope of a list, and how many there are.
func (g got) listed(total int) got {
	g.t.Helper()
	g.is(http.StatusOK).has("items", "pagination.page", "pagination.limit", "pagination.total", "pagination.totalPages")
	if g.At("data") != nil {
		g.t.Errorf("%s: a list inside data: %s", g.route, g.Body)
	}
	if total >= 0 {
		g.says("pagination.total", total)
	}
	return g
}

// journey is what the parts of the test hand on.
type journey struct {
	creator, buyer, guest *client
	organization, slug    string
	media, film, article  string
	purchase              string
}

type object = map[string]any

func TestClientOfTheOriginalFindsEverything(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	followed := map[string]bool{}
	j := &journey{creator: w.newClient(followed), buyer: w.newClient(followed), guest: w.newClient(followed)}
	for _, part := range []struct {
		name string
		play func(*journey)
	}{
		{"accounts", (*journey).accounts},
		{"passwords", (*journey).passwords},
		{"organizations", (*journey).organizations},
		{"media", (*journey).recordings},
		{"content", (*journey).contents},
		{"catalogue", (*journey).catalogue},
		{"buying", (*journey).buying},
		{"access", (*journey).access},
		{"members", (*journey).members},
		{"profile", (*journey).profile},
		{"webhooks", (*journey).webhooks},
		{"transcoding", (*journey).transcoding},
		{"endings", (*journey).endings},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			inner := w.in(t)
			for _, c := range []*client{j.creator, j.buyer, j.guest} {
				c.harness = inner
			}
			part.play(j)
		})
		if !ok {
			t.Fatal("what follows rests on it")
		}
	}
	missed := slices.DeleteFunc(slices.Clone(originals), func(route string) bool { return followed[route] })
	t.Logf("%d of %d routes of the original followed", len(originals)-len(missed), len(originals))
	if len(missed) > 0 {
		t.Errorf("not followed: %s", strings.Join(missed, ", "))
	}
}

// originals are the routes of the original's core.
var originals = strings.Split(strings.TrimSpace(`
POST /api/auth/sign-up/email
POST /api/auth/sign-in/email
POST /api/auth/sign-out
POST /api/auth/signout
GET /api/auth/get-session
GET /api/auth/verify-email
POST /api/auth/send-verification-email
POST /api/auth/request-password-reset
POST /api/auth/reset-password
POST /api/auth/change-password
GET /api/auth/list-sessions
POST /api/auth/revoke-session
POST /api/auth/update-user
GET /api/test/verification-token/:email
POST /api/test/fast-register
POST /api/test/fast-signin
GET /health
POST /api/content
GET /api/content/check-slug/:slug
GET /api/content/:id
PATCH /api/content/:id
GET /api/content
GET /api/content/browse
POST /api/content/:id/publish
POST /api/content/:id/unpublish
DELETE /api/content/:id
POST /api/content/:id/thumbnail
DELETE /api/content/:id/thumbnail
GET /api/content/public
GET /api/content/public/discover
POST /api/media
GET /api/media/:id
PATCH /api/media/:id
GET /api/media
POST /api/media/:id/upload
POST /api/media/:id/upload-complete
DELETE /api/media/:id
GET /api/access/content/:id/stream
GET /api/access/content/:id/hls/master.m3u8
GET /api/access/content/:id/hls/:variant/index.m3u8
POST /api/access/content/:id/progress
GET /api/access/content/:id/progress
GET /api/access/user/library
POST /api/organizations
GET /api/organizations/check-slug/:slug
GET /api/organizations/slug/:slug
GET /api/organizations/my-organizations
GET /api/organizations/public/:slug
GET /api/organizations/public/:slug/info
GET /api/organizations/public/:slug/stats
GET /api/organizations/public/:slug/creators
GET /api/organizations/public/:slug/members
GET /api/organizations/:id
PATCH /api/organizations/:id
GET /api/organizations
DELETE /api/organizations/:id
GET /api/organizations/:id/members
POST /api/organizations/:id/members/invite
PATCH /api/organizations/:id/members/:userId
DELETE /api/organizations/:id/members/:userId
GET /api/organizations/:id/members/my-membership
GET /api/organizations/:orgId/membership/:userId
GET /api/organizations/:orgId/my-membership
POST /api/user/avatar
DELETE /api/user/avatar
GET /api/user/profile
PATCH /api/user/profile
POST /api/user/upgrade-to-creator
DELETE /api/user/account
GET /api/user/notification-preferences
PUT /api/user/notification-preferences
POST /checkout/create
POST /checkout/portal-session
GET /checkout/verify
GET /purchases
GET /purchases/:id
POST /webhooks/stripe/booking
POST /webhooks/stripe/payment
POST /webhooks/stripe/dispute
POST /webhooks/stripe/dev
POST /internal/media/:id/transcode
POST /api/transcoding/webhook
POST /api/transcoding/retry/:id
GET /api/transcoding/status/:id
POST /internal/mock-runpod
GET /internal/orphan-cleanup/status
POST /internal/orphan-cleanup/trigger
POST /internal/orphan-cleanup/schedule
`), "\n")
