package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
)

// TestNamesOfEverythingAreVisibleAndNormalised sends names and titles to every route that
// takes one.
func TestNamesOfEverythingAreVisibleAndNormalised(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	s := w.stage()
	draft, media := s.piece(piece{}), s.recording("creator", "ready")
	category := s.category("creator", "")
	for route, body := range map[string]map[string]any{
		"name POST /api/auth/sign-up/email":      {"email": "", "password": password},
		"displayName PATCH /api/user/profile":    {},
		"name POST /api/auth/update-user":        {},
		"name POST /api/organizations":           {"slug": ""},
		"name PATCH /api/organizations/":         {},
		"title POST /api/content":                {"slug": "", "contentType": "written", "contentBody": "x"},
		"title PATCH /api/content/" + draft:      {},
		"category PATCH /api/content/" + draft:   {},
		"name POST /api/categories":              {},
		"name PATCH /api/categories/" + category: {},
		"title POST /api/media":                  {"mediaType": "video", "mimeType": "video/mp4", "fileSizeBytes": 2048},
		"title PATCH /api/media/" + media:        {},
	} {
		field, rest, _ := strings.Cut(route, " ")
		method, path, _ := strings.Cut(rest, " ")
		actor := s.users["creator"]
		if strings.HasSuffix(path, "/organizations/") {
			path, actor = path+s.organization, s.users["owner"]
		}
		send := func(name string) answer {
			body[field] = name
			if _, asks := body["slug"]; asks {
				body["slug"] = "n-" + handlertest.FlatID()
			}
			if _, asks := body["email"]; asks {
				body["email"] = handlertest.FlatID() + "@example.test"
			}
			return w.send(request{Method: method, Path: path, Session: actor, Body: body})
		}
		for _, bad := range []string{
			"zero\u200bwidth", "\u200b\u2060", "two\nlines", "tag\U000e0041", "a\ufe0fb", "\u3164", "join\u200der", "soft\u00ad",
		} {
			if got := send(bad); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, `"path":"`+field+`"`) {
				t.Errorf("%s %+q: %d %s", route, bad, got.Status, got.Body)
			}
		}
		got := send(" Cafe\u0301 👩\u200d🚀 " + "x")
		if got.Status >= http.StatusBadRequest {
			t.Errorf("%s: %d %s", route, got.Status, got.Body)
		} else if strings.Contains(got.Body, "e\u0301") {
			t.Errorf("%s keeps a decomposed name: %s", route, got.Body)
		}
	}
}
