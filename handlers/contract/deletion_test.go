package contract_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// leftovers are the rows that must not refer to the user $1 once the account is deleted and
// the reactions to that are done.
var leftovers = map[string]string{
	"content":       `SELECT count(*) FROM content WHERE creator_id = $1 AND deleted_at IS NULL`,
	"media":         `SELECT count(*) FROM media_items WHERE creator_id = $1 AND deleted_at IS NULL`,
	"categories":    `SELECT count(*) FROM categories WHERE creator_id = $1 AND deleted_at IS NULL`,
	"sessions":      `SELECT count(*) FROM sessions WHERE user_id = $1`,
	"verifications": `SELECT count(*) FROM verification WHERE user_id = $1`,
	"mails":         `SELECT count(*) FROM mails WHERE user_id = $1 OR recipient = $1 || '@example.test'`,
	"playbacks":     `SELECT count(*) FROM video_playback WHERE user_id = $1`,
	"library":       `SELECT count(*) FROM library_entries WHERE user_id = $1`,
	"checkouts": `SELECT count(*) FROM checkouts c JOIN users u ON u.id = c.customer_id
		WHERE u.id = $1 AND c.created_at > u.deleted_at`,
	"memberships": `SELECT count(*) FROM organization_memberships
		WHERE user_id = $1 AND status IN ('active', 'invited')`,
}

// TestDeletionOfAnAccountRacesWithNothing sends the deletion of an account and what creates
// something for its user at the same time, many times: either the deletion sees what was
// created, or nothing is created.
func TestDeletionOfAnAccountRacesWithNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	const rounds = 25
	type step func(w *harness, user string, n int) answer
	as := func(method, path string, body func(n int) any) step {
		return func(w *harness, user string, n int) answer {
			return w.send(request{Method: method, Path: path, Session: user, Body: body(n)})
		}
	}
	anonymous := func(path string, body func(user string) any) step {
		return func(w *harness, user string, _ int) answer {
			return w.send(request{Method: http.MethodPost, Path: path, Body: body(user)})
		}
	}
	email := func(user string) string { return user + "@example.test" }
	s := w.stage()
	free, paid := s.piece(piece{status: "published"}), s.piece(piece{status: "published", access: "paid", price: 2999})

	for name, create := range map[string]step{
		"content": as("POST", "/api/content", func(n int) any {
			return map[string]any{
				"title": "A text", "slug": "race-" + strconv.Itoa(n), "contentType": "written", "contentBody": "x",
			}
		}),
		"media": as("POST", "/api/media", func(int) any {
			return map[string]any{"title": "A film", "mediaType": "video", "mimeType": "video/mp4", "fileSizeBytes": 2048}
		}),
		"a category": as("POST", "/api/categories", func(n int) any {
			return map[string]any{"name": "Category " + strconv.Itoa(n)}
		}),
		"an organization": as("POST", "/api/organizations", func(int) any {
			return map[string]any{"name": "A club", "slug": "club-" + handlertest.FlatID()}
		}),
		"a session": anonymous("/api/auth/sign-in/email", func(user string) any {
			return map[string]any{"email": email(user), "password": password}
		}),
		"a reset": anonymous("/api/auth/request-password-reset", func(user string) any {
			return map[string]any{"email": email(user)}
		}),
		"a change of address": as("PATCH", "/api/user/profile", func(int) any {
			return map[string]any{"email": handlertest.FlatID() + "@example.test"}
		}),
		"a membership": func(w *harness, user string, _ int) answer {
			return w.send(request{
				Method:  http.MethodPost,
				Path:    "/api/organizations/" + s.organization + "/members/invite",
				Session: s.users["owner"],
				Body:    map[string]any{"email": email(user), "role": "creator"},
			})
		},
		"playback": as("POST", "/api/access/content/"+free+"/progress", func(int) any {
			return map[string]any{"positionSeconds": 10, "durationSeconds": 100}
		}),
		"a checkout": as("POST", "/checkout/create", func(int) any {
			return map[string]any{"contentId": paid, "successUrl": w.URL + "/ok", "cancelUrl": w.URL + "/no"}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			worked := 0
			for n := range rounds {
				user := handlertest.FlatID()
				w.exec(w.user(user, "creator")...)
				var made, gone answer
				var both sync.WaitGroup
				both.Go(func() { made = create(w, user, n) })
				both.Go(func() {
					gone = w.send(request{
						Method: http.MethodDelete, Path: "/api/user/account", Session: user,
						Body: map[string]any{"confirmation": "DELETE"},
					})
				})
				both.Wait()
				if made.Status >= http.StatusInternalServerError ||
					made.Status == http.StatusNotFound && strings.Contains(made.Body, "Route") {
					t.Errorf("the creation got %d %s", made.Status, made.Body)
				}
				if made.Status < http.StatusBadRequest {
					worked++
				}
				if gone.Status != http.StatusNoContent {
					continue
				}
				w.Eventually(1, `SELECT count(*) FROM reaction_inbox r JOIN outbox o ON o.event_id = r.event_id
					WHERE r.reaction = 'erasure' AND o.aggregate_id = $1`, user)
				for what, left := range leftovers {
					if n := w.Number(left, user); n != 0 {
						t.Errorf("%d %s of a deleted user; the creation got %d", n, what, made.Status)
					}
				}
			}
			t.Logf("%d of %d creations came first", worked, rounds)
		})
	}
}
