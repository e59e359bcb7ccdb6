package contract_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/codex-platform/codex/handlers/handlertest"
)

const (
	creatorMail = "grace@example.test"
	buyerMail   = "alan@example.test"
)

func (j *journey) accounts() {
	j.guest.call("GET /health", nil).is(200).says("status", "healthy").has("service", "version", "timestamp", "checks")
	for mail, c := range map[string]*client{creatorMail: j.creator, buyerMail: j.buyer} {
		role := map[string]string{creatorMail: "creator", buyerMail: "user"}[mail]
		account := object{"name": "Grace", "email": mail, "password": password, "role": role}
		c.call("POST /api/auth/sign-up/email", account).is(200).has("user.id", "user.email", "token").says("token", nil)
		c.call("POST /api/auth/sign-up/email", account).is(422)
		c.call("POST /api/auth/sign-in/email", object{"email": mail, "password": password}).is(403)
		c.call("POST /api/auth/send-verification-email", object{"email": mail}).is(200)
		token := c.call("GET /api/test/verification-token/:email", nil, mail).is(200).Text("token")
		query := url.Values{"token": {token}, "callbackURL": {"/welcome"}}.Encode()
		if g := c.call("GET /api/auth/verify-email?"+query, nil).
			is(302); g.Header.Get("Location") != "/welcome" ||
			!strings.Contains(g.Header.Get("Set-Cookie"), "codex-session=") {
			c.Errorf("verified: %v", g.Header)
		}
		c.call("GET /api/auth/get-session", nil).
			is(200).
			says("user.email", mail).
			has("session.id", "session.expiresAt", "user.name", "user.role")
	}
	c := j.creator
	c.call("POST /api/auth/sign-out", object{}).is(200)
	if g := c.call("GET /api/auth/get-session", nil).is(200); strings.TrimSpace(g.Body) != "null" {
		c.Errorf("signed out: %s", g.Body)
	}
	c.call("POST /api/auth/sign-in/email", object{"email": creatorMail, "password": "not the password"}).is(401)
	c.call("POST /api/auth/sign-in/email", object{"email": creatorMail, "password": password, "rememberMe": true}).
		is(200).
		says("user.email", creatorMail)
	c.call("POST /api/auth/sign-up/email", object{"name": "Short", "email": "short@example.test", "password": "seven77"}).
		is(400)

	fast := c.newClient(c.followed)
	fast.call("POST /api/test/fast-register", object{
		"name":     "Fast",
		"email":    "fast@example.test",
		"password": password,
		"role":     "customer",
	}).
		is(200)
	fast.call("POST /api/auth/signout", nil).is(200)
	fast.call("POST /api/test/fast-signin", object{"email": "fast@example.test", "password": password}).is(200)
	fast.call("GET /api/auth/get-session", nil).is(200).says("user.email", "fast@example.test")
}

func (j *journey) passwords() {
	c := j.buyer
	c.call("POST /api/auth/request-password-reset", object{"email": buyerMail, "redirectTo": "/reset-password"}).is(200)
	c.call("POST /api/auth/request-password-reset", object{
		"email":      "nobody@example.test",
		"redirectTo": "/reset-password",
	}).
		is(200)
	c.call("POST /api/auth/reset-password", object{"token": strings.Repeat("a", 43), "newPassword": password}).is(400)
	token := (&stage{harness: c.harness}).resetToken(buyerMail)
	c.call("POST /api/auth/reset-password", object{"token": token, "newPassword": "a quiet summer lake"}).is(200)
	c.call("POST /api/auth/sign-in/email", object{"email": buyerMail, "password": "a quiet summer lake"}).is(200)
	c.call("POST /api/auth/change-password", object{
		"currentPassword":     "a quiet summer lake",
		"newPassword":         password,
		"revokeOtherSessions": true,
	}).
		is(200)
	other := c.newClient(c.followed)
	other.call("POST /api/auth/sign-in/email", object{"email": buyerMail, "password": password}).is(200)
	sessions := c.call("GET /api/auth/list-sessions", nil).is(200)
	id := other.call("GET /api/auth/get-session", nil).is(200).Text("session.id")
	var list []struct{ ID, Token string }
	_ = json.Unmarshal([]byte(sessions.Body), &list)
	for _, s := range list {
		if s.ID == id {
			c.call("POST /api/auth/revoke-session", object{"token": s.Token}).is(200)
		}
	}
	if g := other.call("GET /api/auth/get-session", nil).is(200); strings.TrimSpace(g.Body) != "null" {
		c.Errorf("a revoked session goes on: %s", g.Body)
	}
	c.call("POST /api/auth/update-user", object{"name": "Alan"}).is(200)
	c.call("GET /api/auth/get-session", nil).is(200).says("user.name", "Alan")
}

func (j *journey) organizations() {
	c := j.creator
	j.slug = "grace-films"
	c.call("GET /api/organizations/check-slug/:slug", nil, j.slug).is(200).says("data.available", true)
	g := c.call("POST /api/organizations", object{"name": "Grace Films", "slug": j.slug, "description": "Films by Grace"}).
		is(201)
	j.organization = g.has("data.id", "data.name", "data.slug", "data.description", "data.logoUrl", "data.websiteUrl",
		"data.createdAt").
		Text("data.id")
	c.call("POST /api/organizations", object{"name": "Again", "slug": j.slug}).refused(409, "CONFLICT")
	c.call("POST /api/organizations", object{"name": "Reserved", "slug": "admin"}).refused(400, "VALIDATION_ERROR")
	c.call("POST /api/organizations", object{"name": "Bad", "slug": "Not A Slug!"}).refused(400, "VALIDATION_ERROR")
	j.buyer.call("POST /api/organizations", object{"name": "No", "slug": "no"}).refused(403, "FORBIDDEN")
	c.call("GET /api/organizations/check-slug/:slug", nil, j.slug).is(200).says("data.available", false)
	c.call("GET /api/organizations/slug/:slug", nil, j.slug).is(200).says("data.id", j.organization)
	c.call("GET /api/organizations/slug/:slug", nil, "no-such-place").refused(404, "NOT_FOUND")
	c.call("GET /api/organizations/my-organizations", nil).
		is(200).
		says("data.0.id", j.organization).
		says("data.0.role", "owner").
		has("data.0.name", "data.0.slug", "data.0.logoUrl")
	j.guest.call("GET /api/organizations/public/:slug", nil, j.slug).is(200).has("data.logoUrl")
	j.guest.call("GET /api/organizations/public/:slug/info", nil, j.slug).
		is(200).
		says("data.slug", j.slug).
		has("data.id", "data.name", "data.description", "data.logoUrl")
	j.guest.call("GET /api/organizations/public/:slug/stats", nil, j.slug).
		is(200).
		has("data.content.total", "data.content.video", "data.content.audio", "data.content.written",
			"data.totalDurationSeconds", "data.creators", "data.totalViews", "data.categories")
	j.guest.call("GET /api/organizations/public/:slug/creators", nil, j.slug).listed(1)
	j.guest.call("GET /api/organizations/public/:slug/members", nil, j.slug).listed(1)
	j.guest.call("GET /api/organizations/public/:slug", nil, "no-such-place").refused(404, "NOT_FOUND")
	c.call("GET /api/organizations/:id", nil, j.organization).is(200).says("data.slug", j.slug)
	c.call("PATCH /api/organizations/:id", object{"description": "Films by Grace and friends"}, j.organization).
		is(200).
		says("data.description", "Films by Grace and friends")
	j.buyer.call("PATCH /api/organizations/:id", object{"name": "Mine"}, j.organization).refused(403, "FORBIDDEN")
	c.call("GET /api/organizations?page=1&limit=5", nil).listed(-1).says("pagination.limit", 5)
}

func (j *journey) recordings() {
	c := j.creator
	c.call("POST /api/media", object{
		"title":         "A film",
		"mediaType":     "video",
		"mimeType":      "text/plain",
		"fileSizeBytes": 2048,
	}).
		refused(400, "VALIDATION_ERROR")
	made := c.call("POST /api/media", object{
		"title":         "A film",
		"mediaType":     "video",
		"mimeType":      "video/mp4",
		"fileSizeBytes": len(movie),
	}).
		is(201).
		has("data.id", "data.presignedUrl", "data.title", "data.mediaType", "data.mimeType", "data.fileSizeBytes",
			"data.r2Key").
		says("data.status", "uploading")
	j.media = made.Text("data.id")
	put := c.Send(request{
		Method: http.MethodPut,
		Path:   made.Text("data.presignedUrl"),
		Body:   []byte(movie),
		Header: handlertest.Pairs("Content-Type", "video/mp4"),
	})
	if put.Status != http.StatusOK {
		c.Fatalf("put the file: %d", put.Status)
	}
	c.call("POST /api/media/:id/upload-complete", nil, j.media).
		is(200).
		says("data.success", true).
		says("data.status", "uploaded").
		has("data.transcodingTriggered")
	c.call("GET /api/media/:id", nil, j.media).is(200).says("data.id", j.media)
	j.buyer.call("GET /api/media/:id", nil, j.media).refused(404, "NOT_FOUND")

	through := c.call("POST /api/media", object{
		"title":         "Through you",
		"mediaType":     "video",
		"mimeType":      "video/mp4",
		"fileSizeBytes": len(movie),
	}).
		is(201).
		Text("data.id")
	kind := map[string]string{"Content-Type": "video/mp4"}
	c.with(kind, "POST /api/media/:id/upload", []byte{}, through).is(400)
	c.with(kind, "POST /api/media/:id/upload", []byte("too small"), through).is(400)
	c.with(kind, "POST /api/media/:id/upload", []byte(movie), through).is(200).says("data.id", through)
	c.call("DELETE /api/media/:id", nil, through).is(204)

	// As test clients of the original do, in development.
	c.call("PATCH /api/media/:id", object{
		"status": "ready", "durationSeconds": 120, "width": 1280, "height": 720,
		"hlsMasterPlaylistKey": "some/hls/" + j.media + "/master.m3u8", "thumbnailKey": "some/thumbnail.jpg",
	}, j.media).is(200).says("data.status", "ready").says("data.durationSeconds", 120)
	c.call("GET /api/media?page=1&limit=1&status=ready&mediaType=video", nil).listed(1).says("items.0.id", j.media)
	c.call("GET /api/media?page=7", nil).listed(1).says("pagination.page", 7)
}

func (j *journey) contents() {
	c := j.creator
	c.call("GET /api/content/check-slug/:slug?organizationId="+j.organization, nil, "first-film").
		is(200).
		says("data.available", true)
	film := object{
		"title":          "First film",
		"slug":           "first-film",
		"description":    "About a river",
		"contentType":    "video",
		"mediaItemId":    j.media,
		"organizationId": j.organization,
		"visibility":     "purchased_only",
		"priceCents":     2999,
		"tags":           []string{"river"},
		"category":       "nature",
	}
	j.film = c.call("POST /api/content", film).
		is(201).
		says("data.status", "draft").
		says("data.visibility", "purchased_only").
		says("data.accessType", "paid").
		has("data.id", "data.creatorId", "data.organizationId", "data.mediaItemId", "data.slug", "data.priceCents",
			"data.tags", "data.createdAt").
		Text("data.id")
	c.call("POST /api/content", film).refused(409, "CONFLICT")
	c.call("POST /api/content", object{"title": "No media", "slug": "no-media", "contentType": "video"}).
		refused(400, "VALIDATION_ERROR")
	j.buyer.call("POST /api/content", film).refused(403, "FORBIDDEN")
	j.guest.call("POST /api/content", film).refused(401, "UNAUTHORIZED")
	j.article = c.call("POST /api/content", object{
		"title":          "A text",
		"slug":           "a-text",
		"contentType":    "written",
		"contentBody":    "Some words.",
		"organizationId": j.organization,
		"accessType":     "free",
	}).is(201).says("data.accessType", "free").says("data.visibility", "public").Text("data.id")
	c.call("GET /api/content/:id", nil, j.film).is(200).says("data.title", "First film")
	j.buyer.call("GET /api/content/:id", nil, j.film).refused(404, "NOT_FOUND")
	c.call("PATCH /api/content/:id", object{"title": "The first film"}, j.film).
		is(200).
		says("data.title", "The first film")
	c.call("GET /api/content?page=1&limit=1&sortBy=createdAt&sortOrder=asc", nil).
		listed(2).
		says("items.0.id", j.film).
		says("pagination.totalPages", 2)
	c.call("GET /api/content?status=published", nil).listed(0).says("pagination.totalPages", 0)
	c.call("POST /api/content/:id/publish", object{}, j.film).is(200).says("data.status", "published")
	c.call("POST /api/content/:id/publish", nil, j.article).is(200).says("data.status", "published")
	c.call("POST /api/content/:id/unpublish", nil, j.article).is(200).says("data.status", "draft")
	c.call("POST /api/content/:id/publish", nil, j.article).is(200)
	c.call("GET /api/content/browse?organizationId="+j.organization, nil).listed(2)
	c.call("GET /api/content/browse", nil).refused(400, "VALIDATION_ERROR")
	body, kind := picture("thumbnail")(&stage{harness: c.harness})
	c.with(map[string]string{"Content-Type": kind}, "POST /api/content/:id/thumbnail", body, j.article).
		is(200).
		has("data.thumbnailUrl", "data.size", "data.mimeType")
	c.call("DELETE /api/content/:id/thumbnail", nil, j.article).is(204)
}
