package contract_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/handlers/handlertest"
)

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
		sql(
			`UPDATE purchases SET status = 'refunded', refunded_at = now(), refund_amount_cents = amount_paid_cents
				WHERE content_id = $1`,
			s.given["id"],
		),
		sql(`UPDATE content_access SET deleted_at = now(), revoked_reason = 'refund' WHERE content_id = $1`, s.given["id"]),
	)
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
		"org published, left": func(s *stage) {
			s.given["id"] = s.piece(piece{by: "removed", organization: s.organization, status: "published"})
		},
		"org catalogue": func(s *stage) {
			s.enter("org published")
			s.given["?orgId"], s.given["?organizationId"] = s.organization, s.organization
		},
		"own unready": func(s *stage) { s.given["id"] = s.piece(piece{media: s.recording("creator", "transcoding")}) },

		// Categories: the creator's personal one, and one of the organization that the maker made.
		"own category": func(s *stage) { s.given["id"] = s.category("creator", "") },
		"org category": func(s *stage) {
			s.given["id"] = s.category("maker", s.organization)
			s.given["space"] = s.organization
		},

		// What may be seen.
		"free": func(s *stage) { s.sell(piece{status: "published"}) },
		"paid": func(s *stage) { s.sell(piece{status: "published", access: "paid", price: 2999}) },
		"org paid": func(s *stage) {
			s.sell(piece{
				by:           "maker",
				organization: s.organization,
				status:       "published",
				access:       "paid",
				price:        2999,
			})
		},
		"org members": func(s *stage) {
			s.sell(piece{
				by:           "maker",
				organization: s.organization,
				status:       "published",
				access:       "members",
			})
		},
		"org private": func(s *stage) {
			s.sell(piece{
				by:           "maker",
				organization: s.organization,
				status:       "published",
				access:       "private",
			})
		},
		"bought": func(s *stage) {
			s.sell(piece{
				by:           "maker",
				organization: s.organization,
				status:       "published",
				access:       "paid",
				price:        2999,
			})
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
		"media ready": func(s *stage) {
			s.given["id"], s.given["language"] = s.recording("creator", "ready"), "en"
		},
		"media with captions": func(s *stage) {
			s.enter("media ready")
			s.captions(s.given["id"])
		},
		"media with a rendition": func(s *stage) {
			s.enter("media ready")
			s.PutRendition(s.users["creator"] + "/hls/" + s.given["id"] + "/720p")
		},
		"media failed": func(s *stage) { s.given["id"] = s.recording("creator", "failed") },
		"media deleted": func(s *stage) {
			s.given["id"], s.given["language"] = s.recording("creator", "ready"), "en"
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
			s.exec(
				sql(
					`INSERT INTO organization_memberships (organization_id, user_id, role, status, invited_at, invitation_expires_at)
				VALUES ($1, $2, 'creator', 'invited', now(), now() + interval '7 days') ON CONFLICT (organization_id,
				user_id) DO NOTHING`,
					s.organization,
					s.users["other"],
				),
			)
		},
		"a member, made creator": func(s *stage) { s.enter("a member"); s.given["role"] = "creator" },
		"a member":               func(s *stage) { s.inOrganization(s.organization); s.given["userId"] = s.users["member"] },
		"last owner":             func(s *stage) { s.inOrganization(s.organization); s.given["userId"] = s.users["owner"] },
		"no member":              func(s *stage) { s.inOrganization(s.organization); s.given["userId"] = s.users["other"] },

		// A customer's purchase.
		"purchase": func(s *stage) {
			s.given["id"] = s.purchase("customer",
				s.piece(piece{
					by:           "maker",
					organization: s.organization,
					status:       "published",
					access:       "paid",
					price:        2999,
				}),
				s.organization)
		},
		// A customer's command.
		"command": func(s *stage) {
			s.given["id"] = uuid.NewString()
			s.exec(
				sql(`INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, finished_at)
			VALUES ($1, $2, 'user.upgrade', 'hash', 'applied', 200, '{"data":null}', now())`,
					s.given["id"], s.users["customer"]),
			)
		},
		// Accounts: what the one who asks has to know.
		"account": func(s *stage) { s.given["email"] = s.users["creator"] + "@example.test" },
		"nobody": func(s *stage) {
			s.inOrganization(s.organization)
			s.given["email"] = handlertest.FlatID() + "@example.test"
		},
		"worn token": func(s *stage) {
			s.given["token"] = strings.Repeat("a", 43)
			s.given["?token"] = s.given["token"]
		},
		"unproven": func(s *stage) {
			s.given["email"] = s.users["other"] + "@example.test"
			s.exec(sql(`UPDATE users SET email_verified = false WHERE id = $1`, s.users["other"]))
		},
		"new address": func(s *stage) {
			email := handlertest.FlatID() + "@example.test"
			a := s.send(request{
				Method: http.MethodPost,
				Path:   "/api/auth/sign-up/email",
				Body:   map[string]any{"name": "New", "email": email, "password": password},
			})
			token := s.send(request{Method: http.MethodGet, Path: "/api/test/verification-token/" + email})
			s.given["email"], s.given["?token"] = email, token.Text("token")
			if a.Status != 200 || s.given["?token"] == "" {
				s.Fatalf("sign-up: %d %s", a.Status, a.Body)
			}
		},
		"forgotten password": func(s *stage) { s.given["token"] = s.resetToken(s.users["other"] + "@example.test") },
		"another address":    func(s *stage) { s.given["+email"] = handlertest.FlatID() + "@example.test" },
		"another address, old sign-in": func(s *stage) {
			s.enter("another address")
			s.enter("old sign-in")
		},
		"old sign-in": func(s *stage) {
			for _, user := range s.users {
				s.exec(sql(`UPDATE sessions SET created_at = now() - interval '11 minutes' WHERE user_id = $1`, user))
			}
		},
		"changed address": func(s *stage) {
			token := identity.NewToken(sha256.Sum256([]byte(uuid.NewString())))
			hash := token.Hash()
			s.exec(
				sql(`INSERT INTO verification (id, purpose, user_id, identifier, value, expires_at)
					VALUES ($1, 'email-undo', $2, $1 || '@example.test', $3, now() + interval '1 day')`,
					handlertest.FlatID(), s.users["other"], hash[:]),
			)
			s.given["?token"] = string(token)
		},
		"another session": func(s *stage) {
			id := uuid.NewString()
			hash := sha256.Sum256([]byte(id))
			s.exec(
				sql(`INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')`,
					id, hash[:], s.users["customer"]),
			)
			s.given["token"] = id
		},

		// A player with a token, the customer's.
		"token": func(s *stage) {
			s.enter("bought")
			s.renditions("maker", s.given["media"])
			s.exec(sql(`UPDATE media_items SET waveform_key = $2 || '/waveform.json', waveform_overview_key = $2 || '/o.json',
				storyboard = jsonb_build_object('key', $2::text, 'intervalSeconds', 2, 'tileWidth', 160, 'tileHeight', 90,
					'columns', 5, 'rows', 5, 'tiles', 30) WHERE id = $1`,
				s.given["media"], s.users["maker"]+"/waveforms/"+s.given["media"]))
			s.captions(s.given["media"])
			a := s.send(
				request{Method: "GET", Path: "/api/access/content/" + s.given["id"] + "/stream", Session: s.users["customer"]})
			address, err := url.Parse(a.Text("data.streamingUrl"))
			if a.Status != 200 || err != nil {
				s.Fatalf("stream: %d %s", a.Status, a.Body)
			}
			s.given["?token"], s.given["variant"], s.given["file"] = address.Query().Get("token"), "720p", "stream.mp4"
			s.given["picture"] = "1.jpg"
		},
		"bought to download": func(s *stage) {
			s.enter("bought")
			s.exec(sql(`UPDATE content SET download = 'original' WHERE id = $1`, s.given["id"]))
		},
		"download after refund": func(s *stage) { s.enter("download"); s.refund() },
		"download": func(s *stage) {
			s.enter("bought to download")
			a := s.send(request{
				Method:  http.MethodPost,
				Path:    "/api/access/content/" + s.given["id"] + "/download",
				Session: s.users["customer"],
			})
			address, err := url.Parse(a.Text("data.url"))
			if a.Status != http.StatusCreated || err != nil {
				s.Fatalf("begin a download: %d %s", a.Status, a.Body)
			}
			s.given["?token"] = address.Query().Get("token")
		},
		"token after refund": func(s *stage) { s.enter("token"); s.refund() },
		"bad token": func(s *stage) {
			s.enter("token")
			s.given["?token"] = "x" + s.given["?token"]
		},

		// The customer's podcast feed of the organization, with what the customer has bought.
		"podcast": func(s *stage) {
			s.given["id"] = s.organization
			s.send(request{
				Method:  "POST",
				Path:    "/api/access/organizations/" + s.organization + "/podcast",
				Session: s.users["customer"],
			}).Want(http.StatusOK, "")
		},
		"organization for podcast": func(s *stage) { s.given["id"] = s.organization },
		"feed": func(s *stage) {
			s.enter("token")
			s.exec(sql(`UPDATE media_items SET audio_key = $2, audio_bytes = 5 WHERE id = $1`,
				s.given["media"], s.users["maker"]+"/hls/"+s.given["media"]+"/audio.m4a"))
			s.given["episode"] = s.given["id"]
			s.enter("podcast")
			a := s.send(request{
				Method:  "GET",
				Path:    "/api/access/organizations/" + s.organization + "/podcast",
				Session: s.users["customer"],
			})
			address, err := url.Parse(a.Text("data.feedUrl"))
			if err != nil {
				s.Fatalf("feed: %d %s", a.Status, a.Body)
			}
			s.given["id"], s.given["?token"] = strings.Split(address.Path, "/")[3], address.Query().Get("token")
		},
		"feed, bad token": func(s *stage) { s.enter("feed"); s.given["?token"] = "x" + s.given["?token"] },
		"feed, revoked": func(s *stage) {
			s.enter("feed")
			s.exec(sql(`UPDATE podcast_feeds SET revoked_at = now() WHERE id = $1`, s.given["id"]))
		},
		"feed after refund": func(s *stage) {
			s.enter("feed")
			feed := s.given["id"]
			s.given["id"] = s.given["episode"]
			s.refund()
			s.given["id"] = feed
		},

		// Uploads in parts, creator's.
		"upload in parts": func(s *stage) {
			s.given["id"] = s.recording("creator", "uploading")
			a := s.send(request{Method: "POST", Path: "/api/media/" + s.given["id"] + "/multipart", Session: s.users["creator"]})
			if s.given["uploadId"] = a.Text("data.uploadId"); s.given["uploadId"] == "" {
				s.Fatalf("open an upload: %d %s", a.Status, a.Body)
			}
		},
		"media for tus": func(s *stage) {
			s.enter("media uploading")
			s.given["#Tus-Resumable"], s.given["#Upload-Length"] = "1.0.0", strconv.Itoa(len(movie))
		},
		"media ready, for tus": func(s *stage) {
			s.enter("media ready")
			s.given["#Tus-Resumable"], s.given["#Upload-Length"] = "1.0.0", strconv.Itoa(len(movie))
		},
		"upload by tus": func(s *stage) {
			s.enter("upload in parts")
			s.given["#Tus-Resumable"], s.given["#Upload-Offset"] = "1.0.0", "0"
		},
		"parts uploaded": func(s *stage) {
			s.enter("upload in parts")
			a := s.send(request{
				Method:  "POST",
				Path:    "/api/media/" + s.given["id"] + "/multipart/" + s.given["uploadId"] + "/parts",
				Session: s.users["creator"],
				Body:    map[string]any{"partNumbers": []int{1}},
			})
			if put := s.Send(
				request{Method: http.MethodPut, Path: a.Text("data.parts.0.presignedUrl"), Body: []byte(movie)},
			); put.Status != http.StatusOK {
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
			a := s.send(request{
				Method:  "POST",
				Path:    "/checkout/create",
				Session: s.users["customer"],
				Body: map[string]any{
					"contentId": s.given["id"], "successUrl": s.URL + "/done", "cancelUrl": s.URL + "/",
				},
			})
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
	a := s.send(
		request{
			Method: "POST",
			Path:   "/api/auth/request-password-reset",
			Body:   map[string]any{"email": email, "redirectTo": "/"},
		},
	)
	var text string
	err := s.Pool.QueryRow(context.Background(), `SELECT text_body FROM mails WHERE recipient = $1
		ORDER BY created_at DESC LIMIT 1`, email).
		Scan(&text)
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
