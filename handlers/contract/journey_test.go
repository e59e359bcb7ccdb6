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

func (j *journey) catalogue() {
	g := j.guest.call("GET /api/content/public?orgId="+j.organization, nil).listed(2)
	if g.Header.Get("Cache-Control") != "public, max-age=60" {
		g.t.Errorf("the catalogue may be kept %q", g.Header.Get("Cache-Control"))
	}
	j.guest.call("GET /api/content/public?slug="+j.slug+"&contentType=video&limit=100", nil).
		listed(1).
		says("items.0.id", j.film).
		says("pagination.limit", 50).
		has("items.0.categorySlugs")
	j.guest.call("GET /api/content/public", nil).refused(400, "VALIDATION_ERROR")
	j.guest.call("GET /api/content/public/discover?search=first&sort=title", nil).listed(1)
}

func (j *journey) buying() {
	c := j.buyer
	back := object{"contentId": j.film, "successUrl": "http://localhost:3000/done", "cancelUrl": "http://localhost:3000/"}
	session := c.call("POST /checkout/create", back).is(200).has("data.sessionUrl").Text("data.sessionId")
	c.call("POST /checkout/create", object{
		"contentId":  j.article,
		"successUrl": back["successUrl"],
		"cancelUrl":  back["cancelUrl"],
	}).
		refused(422, "CONTENT_NOT_PURCHASABLE")
	c.call("POST /checkout/create", object{
		"contentId":  j.film,
		"successUrl": "https://evil.example/",
		"cancelUrl":  back["cancelUrl"],
	}).
		refused(400, "VALIDATION_ERROR")
	c.call("GET /checkout/verify?session_id="+session, nil).is(200).says("data.sessionStatus", "open")
	c.call("GET /api/access/content/:id/stream", nil, j.film).refused(403, "ACCESS_DENIED")

	// The event of a test client names a session that was not opened here, under a far
	// newer version of Stripe's interface than ours.
	buyer := c.call("GET /api/auth/get-session", nil).is(200).Text("user.id")
	event, _ := stripeEvent("checkout.session.completed", func(*stage) map[string]any {
		return object{
			"id": "cs_foreign", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
			"payment_intent": "pi_journey", "amount_total": 2999, "currency": "gbp",
			"metadata": object{"customerId": buyer, "contentId": j.film, "organizationId": j.organization},
		}
	})(&stage{harness: c.harness})
	j.guest.call("POST /webhooks/stripe/booking", event).is(400)
	j.guest.with(map[string]string{"Stripe-Signature": "t=1,v1=00"}, "POST /webhooks/stripe/booking", event).is(401)
	j.guest.with(signedByStripe(event), "POST /webhooks/stripe/booking", event).is(200).says("received", true)

	// At once, without waiting.
	g := c.call("GET /purchases", nil).
		listed(1).
		says("items.0.contentId", j.film).
		says("items.0.customerId", buyer).
		says("items.0.organizationId", j.organization).
		says("items.0.amountPaidCents", 2999).
		says("items.0.amountCents", 2999).
		says("items.0.status", "completed").
		says("items.0.contentTitle", "The first film").
		has("items.0.currency", "items.0.createdAt", "items.0.content.id", "items.0.content.title",
			"items.0.content.slug", "items.0.content.contentType", "items.0.content.thumbnailUrl")
	j.purchase = g.Text("items.0.id")
	c.call("GET /purchases/:id", nil, j.purchase).
		is(200).
		says("data.platformFeeCents", 300).
		says("data.organizationFeeCents", 0).
		says("data.creatorPayoutCents", 2699)
	j.creator.call("GET /purchases/:id", nil, j.purchase).refused(404, "NOT_FOUND")
	c.call("GET /purchases?page=9", nil).listed(1).says("pagination.page", 9)
	c.call("POST /checkout/create", back).refused(409, "ALREADY_PURCHASED")
	c.call("POST /checkout/portal-session", object{"returnUrl": "http://localhost:3000/account"}).is(200).has("data.url")
}

func (j *journey) access() {
	c := j.buyer
	g := c.call("GET /api/access/content/:id/stream?expirySeconds=900", nil, j.film).
		is(200).
		has("data.streamingUrl", "data.waveformUrl", "data.expiresAt", "data.contentType")
	address := handlertest.Must(url.Parse(g.Text("data.streamingUrl")))(c)
	if !strings.HasSuffix(address.Path, "master.m3u8") {
		c.Errorf("the stream is at %s", address)
	}
	c.call("GET /api/access/content/:id/stream?expirySeconds=60", nil, j.film).refused(400, "VALIDATION_ERROR")
	c.call("GET /api/access/content/:id/stream", nil, j.article).
		is(200).
		says("data.streamingUrl", nil).
		says("data.contentType", "written")
	// The objects of this item do not exist.
	c.call("GET /api/access/content/:id/hls/master.m3u8?"+address.RawQuery, nil, j.film).is(404)
	c.call("GET /api/access/content/:id/hls/master.m3u8?token=nonsense", nil, j.film).is(403)
	c.call("GET /api/access/content/:id/hls/:variant/index.m3u8?token=nonsense", nil, j.film, "720p").is(403)
	c.call("GET /api/access/content/:id/progress", nil, j.film).is(200).says("data.progress", nil)
	c.call("POST /api/access/content/:id/progress", object{"positionSeconds": 60, "durationSeconds": 120}, j.film).is(204)
	c.call("POST /api/access/content/:id/progress", object{"positionSeconds": 30, "durationSeconds": 120}, j.film).is(204)
	c.call("POST /api/access/content/:id/progress", object{"positionSeconds": 30, "durationSeconds": 0}, j.film).
		refused(400, "VALIDATION_ERROR")
	c.call("GET /api/access/content/:id/progress", nil, j.film).
		is(200).
		says("data.progress.positionSeconds", 60).
		says("data.progress.completed", false).
		has("data.progress.durationSeconds", "data.progress.updatedAt")
	c.call("GET /api/access/user/library?filter=in_progress&sortBy=recent", nil).
		listed(1).
		says("items.0.content.id", j.film).
		says("items.0.accessType", "purchased").
		says("items.0.purchase.priceCents", 2999).
		says("items.0.progress.percentComplete", 50).
		has("items.0.content.slug", "items.0.content.organizationSlug", "items.0.content.durationSeconds",
			"items.0.purchase.purchasedAt")
}

func (j *journey) members() {
	c, id := j.creator, j.organization
	c.call("POST /api/organizations/:id/members/invite", object{"email": "nobody@example.test", "role": "member"}, id).
		refused(404, "NOT_FOUND")
	invited := c.call("POST /api/organizations/:id/members/invite", object{"email": buyerMail, "role": "member"}, id).
		is(201).
		says("data.role", "member")
	user := invited.has("data.id", "data.userId").Text("data.userId")
	c.call("POST /api/organizations/:id/members/invite", object{"email": buyerMail, "role": "member"}, id).
		refused(409, "CONFLICT")
	j.buyer.call("POST /api/organizations/:id/members/invite", object{"email": "fast@example.test", "role": "member"}, id).
		refused(403, "FORBIDDEN")
	// The original made members without asking them; here they are asked.
	j.buyer.call("GET /api/organizations/:id/members", nil, id).refused(403, "FORBIDDEN")
	j.buyer.call("POST /api/organizations/:id/members/accept", nil, id).is(200).says("data.status", "active")
	j.buyer.call("GET /api/organizations/:id/members", nil, id).listed(2)
	j.buyer.call("GET /api/organizations/:id/members/my-membership", nil, id).
		is(200).
		says("data.role", "member").
		says("data.status", "active").
		has("data.joinedAt")
	j.buyer.call("GET /api/organizations/:orgId/my-membership", nil, id).is(200).says("data.role", "member")
	c.call("PATCH /api/organizations/:id/members/:userId", object{"role": "creator"}, id, user).
		is(200).
		says("data.role", "creator").
		says("data.status", "active")
	owner := c.call("GET /api/auth/get-session", nil).is(200).Text("user.id")
	c.call("PATCH /api/organizations/:id/members/:userId", object{"role": "member"}, id, owner).
		refused(422, "BUSINESS_LOGIC_ERROR")
	c.call("DELETE /api/organizations/:id/members/:userId", nil, id, owner).refused(422, "BUSINESS_LOGIC_ERROR")
	target := "/api/organizations/" + id + "/membership/" + user
	j.guest.with(c.SignedByWorker("GET", target, nil), "GET /api/organizations/:orgId/membership/:userId", nil, id, user).
		is(200).
		says("data.role", "creator").
		has("data.joinedAt")
	j.guest.call("GET /api/organizations/:orgId/membership/:userId", nil, id, user).refused(401, "UNAUTHORIZED")
	c.call("DELETE /api/organizations/:id/members/:userId", nil, id, user).is(204)
	j.buyer.call("GET /api/organizations/:id/members", nil, id).refused(403, "FORBIDDEN")
}

func (j *journey) profile() {
	c := j.buyer
	body, kind := picture("avatar")(&stage{harness: c.harness})
	c.with(map[string]string{"Content-Type": kind}, "POST /api/user/avatar", body).
		is(200).
		has("data.avatarUrl", "data.size", "data.mimeType")
	c.call("DELETE /api/user/avatar", nil).is(204)
	c.call("GET /api/user/profile", nil).is(200).says("data.email", buyerMail).has("data.id", "data.name", "data.role")
	c.call("PATCH /api/user/profile", object{
		"displayName": "Alan T",
		"bio":         "Reads",
		"socialLinks": object{"website": "https://alan.example"},
	}).
		is(200).
		says("data.name", "Alan T")
	c.call("GET /api/user/notification-preferences", nil).
		is(200).
		says("data.emailMarketing", true).
		says("data.emailTransactional", true).
		says("data.emailDigest", true)
	c.call("PUT /api/user/notification-preferences", object{"emailMarketing": false}).
		is(200).
		says("data.emailMarketing", false)
	c.call("POST /api/user/upgrade-to-creator", object{"username": "alan-t", "bio": "Films too"}).
		is(200).
		says("data.role", "creator")
	c.call("POST /api/user/upgrade-to-creator", object{"username": "alan-u"}).is(422)
}

func (j *journey) webhooks() {
	send := func(route, typ string, object map[string]any) {
		event, _ := stripeEvent(typ, func(*stage) map[string]any { return object })(&stage{harness: j.guest.harness})
		j.guest.with(signedByStripe(event), route, event).is(200).says("received", true)
	}
	dispute := object{
		"id":             "dp_1",
		"object":         "dispute",
		"payment_intent": "pi_journey",
		"charge":         "ch_1",
		"status":         "needs_response",
		"reason":         "fraudulent",
	}
	send("POST /webhooks/stripe/dispute", "charge.dispute.created", dispute)
	j.buyer.call("GET /api/access/content/:id/stream", nil, j.film).refused(403, "ACCESS_DENIED")
	send("POST /webhooks/stripe/payment", "charge.refunded", object{
		"id":              "ch_1",
		"object":          "charge",
		"payment_intent":  "pi_journey",
		"amount":          2999,
		"amount_refunded": 2999,
		"currency":        "gbp",
	})
	j.buyer.call("GET /purchases/:id", nil, j.purchase).is(200).says("data.status", "refunded")
	send("POST /webhooks/stripe/dev", "charge.updated", object{"id": "ch_2", "object": "charge"})
}

func (j *journey) transcoding() {
	c := j.creator
	s := &stage{
		harness: c.harness,
		users:   map[string]string{"creator": c.call("GET /api/auth/get-session", nil).is(200).Text("user.id")},
	}
	waiting, failed := s.recording("creator", "uploaded"), s.recording("creator", "failed")
	target := "/internal/media/" + waiting + "/transcode"
	j.guest.with(c.SignedByWorker("POST", target, nil), "POST /internal/media/:id/transcode", nil, waiting).
		is(200).
		says("data.mediaId", waiting).
		has("data.message")
	j.guest.call("POST /internal/media/:id/transcode", nil, waiting).refused(401, "UNAUTHORIZED")
	c.call("GET /api/transcoding/status/:id", nil, failed).is(200).says("data.status", "failed").
		has("data.transcodingAttempts", "data.transcodingError", "data.runpodJobId", "data.transcodingPriority",
			"data.transcodingProgress", "data.transcodingStep", "data.readyVariants")
	j.buyer.call("GET /api/transcoding/status/:id", nil, failed).refused(403, "MEDIA_OWNERSHIP_ERROR")
	c.call("POST /api/transcoding/retry/:id", nil, failed).is(200).says("data.mediaId", failed).has("data.message")
	report := []byte(`{"status":"progress","jobId":"no-such-job","progress":40}`)
	j.guest.with(signedByTranscoder(report), "POST /api/transcoding/webhook", report).is(200).says("received", true)
	j.guest.call("POST /api/transcoding/webhook", report).is(401).says("error.details.context.code", "MISSING_SIGNATURE")
	j.guest.call("POST /internal/mock-runpod", object{"input": object{"mediaId": s.recording("creator", "transcoding")}}).
		is(200)
	for _, route := range []string{
		"GET /internal/orphan-cleanup/status",
		"POST /internal/orphan-cleanup/trigger",
		"POST /internal/orphan-cleanup/schedule",
	} {
		method, path, _ := strings.Cut(route, " ")
		j.guest.with(c.SignedByWorker(method, path, nil), route, nil).is(200)
	}
}

func (j *journey) endings() {
	c := j.creator
	c.call("DELETE /api/content/:id", nil, j.article).is(204)
	c.call("GET /api/content/:id", nil, j.article).refused(404, "NOT_FOUND")
	c.call("DELETE /api/user/account", object{"confirmation": "DELETE"}).is(422)
	c.call("DELETE /api/organizations/:id", nil, j.organization).is(204)
	c.call("GET /api/organizations/:id", nil, j.organization).refused(404, "NOT_FOUND")
	c.call("GET /api/organizations/check-slug/:slug", nil, j.slug).is(200).says("data.available", true)
	j.buyer.call("DELETE /api/user/account", object{"confirmation": "yes"}).refused(400, "VALIDATION_ERROR")
	j.buyer.call("DELETE /api/user/account", object{"confirmation": "DELETE"}).is(204)
	j.buyer.call("GET /api/user/profile", nil).refused(401, "UNAUTHORIZED")
}
