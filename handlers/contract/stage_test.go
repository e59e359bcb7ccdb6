package contract_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// actors are who asks, in the order of the matrix's columns.
var actors = []string{
	"anonymous", "customer", "creator", "other", "owner", "admin", "maker", "member", "removed", "stranger", "platform", "transcoder", "stripe", "worker",
}

// roles are the platform roles of those actors that have a session. creator makes
// personal things and other is another creator; owner, admin, maker and member belong
// to the organization, removed was its admin, and stranger owns another one.
var roles = map[string]string{
	"customer": "customer", "creator": "creator", "other": "creator", "owner": "creator", "admin": "creator", "maker": "creator",
	"member": "customer", "removed": "creator", "stranger": "creator", "platform": "platform_owner",
}

// memberships are roles in the organization.
var memberships = map[string]string{"owner": "owner", "admin": "admin", "maker": "creator", "member": "member", "removed": "admin"}

// stage is fresh people, two fresh organizations and what a state adds.
type stage struct {
	*harness
	// users are ids, which are session tokens as well, by actor.
	users                   map[string]string
	organization, elsewhere string
	// given are values of the request's parameters and body fields, by name.
	given map[string]string
}

func (w *harness) stage() *stage {
	w.Helper()
	s := &stage{harness: w, users: map[string]string{}, organization: uuid.NewString(), elsewhere: uuid.NewString(), given: map[string]string{}}
	list := []statement{
		sql(`INSERT INTO organizations (id, name, slug, version) VALUES ($1::uuid, 'Here', 'o-' || $1::text, 1), ($2::uuid, 'Elsewhere', 'o-' || $2::text, 1)`, s.organization, s.elsewhere),
	}
	for name, role := range roles {
		s.users[name] = handlertest.FlatID()
		list = append(list, s.user(s.users[name], role)...)
		if role, belongs := memberships[name]; belongs {
			list = append(list, s.membership(s.organization, s.users[name], role))
		}
	}
	list = append(list,
		sql(`UPDATE organization_memberships SET status = 'inactive' WHERE user_id = $1`, s.users["removed"]),
		s.membership(s.elsewhere, s.users["stranger"], "owner"))
	w.exec(list...)
	return s
}

// moveOn gives the same people another organization, in which a state is made anew.
func (s *stage) moveOn() {
	s.Helper()
	s.organization = uuid.NewString()
	list := []statement{sql(`INSERT INTO organizations (id, name, slug, version) VALUES ($1::uuid, 'There', 'o-' || $1::text, 1)`, s.organization)}
	for name, role := range memberships {
		list = append(list, s.membership(s.organization, s.users[name], role))
	}
	s.exec(list...)
}

// user makes somebody who can sign in with the password and has a session.
func (w *harness) user(id, role string) []statement {
	hash := sha256.Sum256([]byte(id))
	return []statement{
		sql(`INSERT INTO users (id, name, email, email_verified, role, version) VALUES ($1::text, 'Test', $1::text || '@example.test', true, $2, 1)`, id, role),
		sql(`INSERT INTO accounts (id, account_id, provider_id, user_id, password) VALUES ($1, $1, 'credential', $1, $2)`, id, w.hash),
		sql(`INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')`, uuid.NewString(), hash[:], id),
	}
}

func (w *harness) membership(organization, user, role string) statement {
	return sql(`INSERT INTO organization_memberships (organization_id, user_id, role) VALUES ($1, $2, $3)`, organization, user, role)
}

// piece is a content item that a state makes. The zero value is the creator's own,
// personal, written and free draft.
type piece struct {
	by, organization, access, status string
	price                            int
	deleted                          bool
	// media is the id of the media of a video.
	media string
}

func (s *stage) piece(p piece) string {
	s.Helper()
	id, kind, status, access := uuid.NewString(), "written", or(p.status, "draft"), or(p.access, "free")
	if p.media != "" {
		kind = "video"
	}
	s.exec(sql(`INSERT INTO content (id, creator_id, organization_id, media_item_id, title, slug, content_type, content_body, access_type, price_cents, status, published_at, deleted_at, version)
		VALUES ($1::uuid, $2, NULLIF($3, '')::uuid, NULLIF($4, '')::uuid, 'A piece', 'p-' || $1::text, $5, 'Some words', $6, NULLIF($7, 0), $8::varchar,
		CASE WHEN $8::varchar = 'published' THEN now() END, CASE WHEN $9 THEN now() END, 1)`,
		id, s.users[or(p.by, "creator")], p.organization, p.media, kind, access, p.price, status, p.deleted))
	return id
}

// category makes a category; organization is "" for a personal one.
func (s *stage) category(by, organization string) string {
	s.Helper()
	id := uuid.NewString()
	s.exec(sql(`INSERT INTO categories (id, organization_id, creator_id, name, slug, version)
		VALUES ($1::uuid, NULLIF($2, '')::uuid, $3, 'A category', 'c-' || $1::text, 1)`, id, organization, s.users[by]))
	return id
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// recording makes a media item of an actor.
func (s *stage) recording(by, status string) string {
	s.Helper()
	id, owner := uuid.NewString(), s.users[by]
	folder := owner + "/hls/" + id
	s.exec(sql(`INSERT INTO media_items (id, creator_id, title, media_type, mime_type, file_size_bytes, status, r2_key, hls_master_playlist_key, hls_preview_key,
		uploaded_at, duration_seconds, ready_variants, transcoding_attempts, transcoding_error, runpod_job_id, version)
		VALUES ($1::uuid, $2::text, 'A recording', 'video', 'video/mp4', 2048, $3::varchar, $2::text || '/originals/' || $1::text || '/a.mp4',
		CASE WHEN $3::varchar = 'ready' THEN $4::text || '/master.m3u8' END, CASE WHEN $3::varchar = 'ready' THEN $4::text || '/preview/preview.m3u8' END,
		CASE WHEN $3::varchar <> 'uploading' THEN now() END, CASE WHEN $3::varchar = 'ready' THEN 100 END, CASE WHEN $3::varchar = 'ready' THEN '["720p"]'::jsonb END,
		CASE WHEN $3::varchar IN ('failed', 'transcoding') THEN 1 ELSE 0 END, CASE WHEN $3::varchar = 'failed' THEN 'it broke' END, $5, 1)`,
		id, owner, status, folder, "job-"+id))
	return id
}

const masterText = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720\n720p/index.m3u8\n"

const variantText = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"stream.mp4\",BYTERANGE=\"4@0\"\n" +
	"#EXTINF:6.0,\n#EXT-X-BYTERANGE:6@4\nstream.mp4\n#EXT-X-ENDLIST\n"

// renditions puts into the store what a transcoder would.
func (s *stage) renditions(by, media string) {
	s.Helper()
	for name, text := range map[string]string{"master.m3u8": masterText, "720p/index.m3u8": variantText, "preview/preview.m3u8": variantText} {
		s.object(s.users[by]+"/hls/"+media+"/"+name, text, "application/octet-stream")
	}
}

func (s *stage) object(key, text, kind string) {
	s.Helper()
	handlertest.Must(s.Media.Put(context.Background(), key, strings.NewReader(text), int64(len(text)), kind))(s)
}

// purchase makes a completed purchase of an item, with its grant.
func (s *stage) purchase(by, content, organization string) string {
	s.Helper()
	id := uuid.NewString()
	s.exec(
		sql(`INSERT INTO purchases (id, customer_id, content_id, organization_id, amount_paid_cents, platform_fee_cents, creator_payout_cents, stripe_payment_intent_id, status, purchased_at)
			VALUES ($1::uuid, $2, $3, NULLIF($4, '')::uuid, 2999, 300, 2699, 'pi_' || $1::text, 'completed', now())`, id, s.users[by], content, organization),
		sql(`INSERT INTO content_access (user_id, content_id, access_type, source_id, version) VALUES ($1, $2, 'purchased', $3, 1)`, s.users[by], content, id))
	return id
}

// enter makes a state.
func (s *stage) enter(state string) {
	s.Helper()
	prepare, known := states()[state]
	if !known {
		s.Fatalf("there is no state %q", state)
	}
	prepare(s)
}

// refund takes back what the customer bought.
func (s *stage) refund() {
	s.Helper()
	s.exec(
		sql(`UPDATE purchases SET status = 'refunded', refunded_at = now(), refund_amount_cents = amount_paid_cents WHERE content_id = $1`, s.given["id"]),
		sql(`UPDATE content_access SET deleted_at = now(), revoked_reason = 'refund' WHERE content_id = $1`, s.given["id"]))
}

// states are what a row of the matrix, or an example, finds. Each makes it and says
// under which names the request refers to it; parameters of the query begin with ?.
func states() map[string]func(s *stage) {
	return map[string]func(s *stage){
		"-": func(*stage) {},

		// Content: personal things are creator's, those of the organization maker's.
		"own draft":     func(s *stage) { s.given["id"] = s.piece(piece{}) },
		"own published": func(s *stage) { s.given["id"] = s.piece(piece{status: "published"}) },
		"own deleted":   func(s *stage) { s.given["id"] = s.piece(piece{deleted: true}) },
		"org draft":     func(s *stage) { s.given["id"] = s.piece(piece{by: "maker", organization: s.organization}) },
		"org published": func(s *stage) {
			s.given["id"] = s.piece(piece{by: "maker", organization: s.organization, status: "published"})
		},
		"org catalogue": func(s *stage) {
			s.enter("org published")
			s.given["?orgId"], s.given["?organizationId"] = s.organization, s.organization
		},
		"own unready": func(s *stage) { s.given["id"] = s.piece(piece{media: s.recording("creator", "transcoding")}) },

		// Categories: the creator's personal one, and one of the organization that the maker made.
		"own category": func(s *stage) { s.given["id"] = s.category("creator", "") },
		"org category": func(s *stage) {
			s.given["id"], s.given["space"] = s.category("maker", s.organization), s.organization
		},

		// What may be seen.
		"free": func(s *stage) { s.sell(piece{status: "published"}) },
		"paid": func(s *stage) { s.sell(piece{status: "published", access: "paid", price: 2999}) },
		"org paid": func(s *stage) {
			s.sell(piece{by: "maker", organization: s.organization, status: "published", access: "paid", price: 2999})
		},
		"org members": func(s *stage) {
			s.sell(piece{by: "maker", organization: s.organization, status: "published", access: "members"})
		},
		"org private": func(s *stage) {
			s.sell(piece{by: "maker", organization: s.organization, status: "published", access: "private"})
		},
		"bought": func(s *stage) {
			s.sell(piece{by: "maker", organization: s.organization, status: "published", access: "paid", price: 2999})
			s.purchase("customer", s.given["id"], s.organization)
		},
		"refunded": func(s *stage) { s.enter("bought"); s.refund() },
		"about another": func(s *stage) {
			s.enter("org paid")
			s.given["?userId"] = handlertest.FlatID()
			s.exec(s.user(s.given["?userId"], "customer")...)
		},
		"in organization": func(s *stage) { s.given["+organizationId"] = s.organization },
		"with foreign media": func(s *stage) {
			s.given["contentType"], s.given["+mediaItemId"] = "video", s.recording("creator", "ready")
		},
		"unready": func(s *stage) {
			s.given["id"] = s.piece(piece{status: "published", media: s.recording("creator", "transcoding")})
		},

		// Media, all creator's.
		"media uploading":   func(s *stage) { s.given["id"] = s.recording("creator", "uploading") },
		"media uploaded":    func(s *stage) { s.given["id"] = s.recording("creator", "uploaded") },
		"media transcoding": func(s *stage) { s.given["id"] = s.recording("creator", "transcoding") },
		"media ready":       func(s *stage) { s.given["id"] = s.recording("creator", "ready") },
		"media failed":      func(s *stage) { s.given["id"] = s.recording("creator", "failed") },
		"media deleted": func(s *stage) {
			s.given["id"] = s.recording("creator", "ready")
			s.exec(sql(`UPDATE media_items SET deleted_at = now() WHERE id = $1`, s.given["id"]))
		},

		// The organization and its people.
		"organization": func(s *stage) { s.inOrganization(s.organization) },
		"ended organization": func(s *stage) {
			s.inOrganization(s.organization)
			s.exec(sql(`UPDATE organizations SET deleted_at = now() WHERE id = $1`, s.organization))
		},
		"already a member": func(s *stage) {
			s.inOrganization(s.organization)
			s.given["email"] = s.users["member"] + "@example.test"
		},
		"invitation": func(s *stage) {
			s.inOrganization(s.organization)
			s.exec(sql(`INSERT INTO organization_memberships (organization_id, user_id, role, status, invited_at, invitation_expires_at)
				VALUES ($1, $2, 'creator', 'invited', now(), now() + interval '7 days') ON CONFLICT (organization_id, user_id) DO NOTHING`, s.organization, s.users["other"]))
		},
		"a member, made creator": func(s *stage) { s.enter("a member"); s.given["role"] = "creator" },
		"a member":               func(s *stage) { s.inOrganization(s.organization); s.given["userId"] = s.users["member"] },
		"last owner":             func(s *stage) { s.inOrganization(s.organization); s.given["userId"] = s.users["owner"] },
		"no member":              func(s *stage) { s.inOrganization(s.organization); s.given["userId"] = s.users["other"] },

		// A customer's purchase.
		"purchase": func(s *stage) {
			s.given["id"] = s.purchase("customer", s.piece(piece{by: "maker", organization: s.organization, status: "published", access: "paid", price: 2999}), s.organization)
		},
		// A customer's command.
		"command": func(s *stage) {
			s.given["id"] = uuid.NewString()
			s.exec(sql(`INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, finished_at)
			VALUES ($1, $2, 'user.upgrade', 'hash', 'applied', 200, '{"data":null}', now())`, s.given["id"], s.users["customer"]))
		},
		// Accounts: what the one who asks has to know.
		"account": func(s *stage) { s.given["email"] = s.users["creator"] + "@example.test" },
		"nobody": func(s *stage) {
			s.inOrganization(s.organization)
			s.given["email"] = handlertest.FlatID() + "@example.test"
		},
		"worn token": func(s *stage) { s.given["?token"], s.given["token"] = strings.Repeat("a", 43), strings.Repeat("a", 43) },
		"unproven": func(s *stage) {
			s.given["email"] = s.users["other"] + "@example.test"
			s.exec(sql(`UPDATE users SET email_verified = false WHERE id = $1`, s.users["other"]))
		},
		"new address": func(s *stage) {
			email := handlertest.FlatID() + "@example.test"
			a := s.send(request{Method: "POST", Path: "/api/auth/sign-up/email", Body: map[string]any{"name": "New", "email": email, "password": password}})
			s.given["email"], s.given["?token"] = email, s.send(request{Method: "GET", Path: "/api/test/verification-token/" + email}).Text("token")
			if a.Status != 200 || s.given["?token"] == "" {
				s.Fatalf("sign-up: %d %s", a.Status, a.Body)
			}
		},
		"forgotten password": func(s *stage) { s.given["token"] = s.resetToken(s.users["other"] + "@example.test") },
		"another session": func(s *stage) {
			id := uuid.NewString()
			hash := sha256.Sum256([]byte(id))
			s.exec(sql(`INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')`, id, hash[:], s.users["customer"]))
			s.given["token"] = id
		},

		// A player with a token, the customer's.
		"token": func(s *stage) {
			s.enter("bought")
			s.renditions("maker", s.given["media"])
			a := s.send(request{Method: "GET", Path: "/api/access/content/" + s.given["id"] + "/stream", Session: s.users["customer"]})
			address, err := url.Parse(a.Text("data.streamingUrl"))
			if a.Status != 200 || err != nil {
				s.Fatalf("stream: %d %s", a.Status, a.Body)
			}
			s.given["?token"], s.given["variant"] = address.Query().Get("token"), "720p"
		},
		"token after refund": func(s *stage) { s.enter("token"); s.refund() },
		"bad token": func(s *stage) {
			s.enter("token")
			s.given["?token"] = "x" + s.given["?token"]
		},

		// Uploads in parts, creator's.
		"upload in parts": func(s *stage) {
			s.given["id"] = s.recording("creator", "uploading")
			a := s.send(request{Method: "POST", Path: "/api/media/" + s.given["id"] + "/multipart", Session: s.users["creator"]})
			if s.given["uploadId"] = a.Text("data.uploadId"); s.given["uploadId"] == "" {
				s.Fatalf("open an upload: %d %s", a.Status, a.Body)
			}
		},
		"parts uploaded": func(s *stage) {
			s.enter("upload in parts")
			a := s.send(request{
				Method: "POST", Path: "/api/media/" + s.given["id"] + "/multipart/" + s.given["uploadId"] + "/parts",
				Session: s.users["creator"], Body: map[string]any{"partNumbers": []int{1}},
			})
			if put := s.Send(request{Method: http.MethodPut, Path: a.Text("data.parts.0.presignedUrl"), Body: []byte(movie)}); put.Status != http.StatusOK {
				s.Fatalf("put a part: %d; signed by %s", put.Status, a.Body)
			}
		},
		"file uploaded": func(s *stage) {
			s.given["id"] = s.recording("creator", "uploading")
			s.object(s.users["creator"]+"/originals/"+s.given["id"]+"/a.mp4", movie, "video/mp4")
		},

		// A checkout that a customer opened.
		"checkout": func(s *stage) {
			s.enter("org paid")
			a := s.send(request{Method: "POST", Path: "/checkout/create", Session: s.users["customer"], Body: map[string]any{
				"contentId": s.given["id"], "successUrl": s.URL + "/done", "cancelUrl": s.URL + "/",
			}})
			if s.given["?session_id"] = a.Text("data.sessionId"); s.given["?session_id"] == "" {
				s.Fatalf("checkout: %d %s", a.Status, a.Body)
			}
		},
		"nothing": func(s *stage) {
			s.given["id"], s.given["contentId"], s.given["userId"] = uuid.NewString(), uuid.NewString(), handlertest.FlatID()
		},
	}
}

// movie is the beginning of an MP4 file, as long as recordings say they are.
var movie = "\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + strings.Repeat("\x00", 2048-24)

var tokenInMail = regexp.MustCompile(`token=([A-Za-z0-9_-]+)`)

// resetToken asks for a new password and returns the token that is mailed.
func (s *stage) resetToken(email string) string {
	s.Helper()
	a := s.send(request{Method: "POST", Path: "/api/auth/request-password-reset", Body: map[string]any{"email": email, "redirectTo": "/"}})
	var text string
	err := s.Pool.QueryRow(context.Background(), `SELECT text_body FROM mails WHERE recipient = $1 ORDER BY created_at DESC LIMIT 1`, email).Scan(&text)
	found := tokenInMail.FindStringSubmatch(text)
	if a.Status != 200 || err != nil || found == nil {
		s.Fatalf("ask for a new password: %d %s, mail %q, %v", a.Status, a.Body, text, err)
	}
	return found[1]
}

// sell makes a published item with media that plays.
func (s *stage) sell(p piece) {
	p.media = s.recording(or(p.by, "creator"), "ready")
	s.given["id"] = s.piece(p)
	s.given["contentId"], s.given["media"] = s.given["id"], p.media
	s.given["master"] = s.users[or(p.by, "creator")]
}

func (s *stage) inOrganization(id string) {
	s.given["id"], s.given["orgId"], s.given["organizationId"], s.given["slug"] = id, id, id, "o-"+id
	s.given["userId"] = s.users["member"]
	s.given["email"] = s.users["other"] + "@example.test"
}
