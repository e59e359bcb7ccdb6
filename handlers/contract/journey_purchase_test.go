package contract_test

import (
	"net/url"
	"strings"

	"github.com/codex-platform/codex/handlers/handlertest"
)

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
	c.call("GET /api/organizations/check-slug/:slug", nil, j.slug).is(200).says("data.available", false)
	j.buyer.call("DELETE /api/user/account", object{"confirmation": "yes"}).refused(400, "VALIDATION_ERROR")
	j.buyer.call("DELETE /api/user/account", object{"confirmation": "DELETE"}).is(204)
	j.buyer.call("GET /api/user/profile", nil).refused(401, "UNAUTHORIZED")
}
