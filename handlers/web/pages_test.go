package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestTheHomePageLinksToDevelopmentPagesInDevelopmentOnly(t *testing.T) {
	t.Parallel()
	for _, development := range []bool{true, false} {
		w := newHarness(t, development)
		page := w.page("/")
		w.assets(page)
		if strings.Contains(page.Body, `"/mailbox"`) != development {
			t.Errorf("development %v: %s", development, page.Body)
		}
	}
}

func TestThePasswordResetPageNeverContainsTheToken(t *testing.T) {
	t.Parallel()
	w := newHarness(t, false)
	page := w.page("/reset-password?token=abcdef")
	w.assets(page)
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'none'") {
		t.Errorf("policy %s", policy)
	}
	if page.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", page.Header)
	}
	if strings.Contains(page.Body, "abcdef") || strings.Contains(page.Body, "://") ||
		!strings.Contains(page.Body, `autocomplete="new-password"`) {
		t.Errorf("%s", page.Body)
	}
}

func TestTheInvitationPageNamesTheOrganizationOfItsAddress(t *testing.T) {
	t.Parallel()
	w := newHarness(t, false)
	id := uuid.NewString()
	page := w.page("/invitations/" + id)
	w.assets(page)
	if !strings.Contains(page.Body, `data-organization="`+id+`"`) {
		t.Errorf("%s", page.Body)
	}
	for _, bad := range []string{"x", strings.ToUpper(id), "{" + id + "}"} {
		w.get("/invitations/"+bad).Want(http.StatusNotFound, "")
	}
}
