package organizations_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestInvitations(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for name, test := range map[string]func(*testing.T, *harness){
		"an invitation needs consent":                    invitationNeedsConsent,
		"an invitation can be declined or withdrawn":     invitationCanBeDeclined,
		"an expired invitation cannot be accepted":       expiredInvitationCannotBeAccepted,
		"nothing is revealed before acceptance":          nothingIsRevealedBeforeAcceptance,
		"an address gets five invitations a day":         anAddressGetsFiveInvitationsADay,
		"only the invited user accepts or declines":      onlyTheInvitedUserAccepts,
		"invalid invitations are rejected":               invalidInvitationsAreRejected,
		"an invitation is authorized when it is applied": invitationIsAuthorizedWhenApplied,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.in(t))
		})
	}
}

func invitationNeedsConsent(t *testing.T, w *harness) {
	c := w.club("consent")
	bob := w.member("consent-bob@example.org")
	got := c.invite(c.owner, " Consent-Bob@example.org", "creator").Want(http.StatusCreated, "")
	if got.Text("data.status") != "invited" || got.Text("data.role") != "creator" || got.At("data.joinedAt") != nil ||
		got.Text(
			"data.email") != "consent-bob@example.org" || got.Text("data.userId") != w.userID("consent-bob@example.org") {
		t.Errorf("%s", got.Body)
	}
	bob.get(c.path()).Want(http.StatusForbidden, "FORBIDDEN")
	mine := bob.get(c.path("my-membership")).Want(http.StatusOK, "")
	if mine.At("data.role") != nil || mine.Text("data.status") != "invited" ||
		mine.Text("data.invitation.role") != "creator" {
		t.Errorf("%s", mine.Body)
	}
	letter := handlertest.Value[string](w.Harness, `
SELECT subject||E'\n'||text_body FROM mails WHERE recipient = 'consent-bob@example.org'
	AND template = 'org-member-invitation'`)
	if !strings.Contains(letter, w.URL+"/invitations/"+c.id) || !strings.Contains(letter, "7 days") ||
		strings.Contains(letter, "The consent") {
		t.Errorf("mail %q", letter)
	}
	page := bob.get("/invitations/"+c.id).Want(http.StatusOK, "")
	if policy := page.Header.Get(
		"Content-Security-Policy"); !strings.Contains(page.Body, `data-organization="`+c.id+`"`) ||
		strings.Contains(policy, "unsafe") {
		t.Errorf("%s %s", policy, page.Body)
	}
	if script := bob.get("/invitation.js").
		Want(http.StatusOK, ""); !strings.Contains(
		script.Header.Get("Content-Type"),
		"javascript",
	) {
		t.Errorf("%v", script.Header)
	}
	bob.get("/invitations/x").Want(http.StatusNotFound, "")
	accepted := bob.post(c.path("accept"), nil).Want(http.StatusOK, "")
	if accepted.Text("data.status") != "active" || accepted.Text("data.role") != "creator" ||
		accepted.Text("data.joinedAt") == "" {
		t.Errorf("%s", accepted.Body)
	}
	bob.post(c.path("accept"), nil).Want(http.StatusOK, "")
	bob.get("/api/organizations/"+c.id).Want(http.StatusOK, "")
	c.invite(c.owner, "consent-bob@example.org", "member").Want(http.StatusConflict, "ALREADY_MEMBER")
	if story := w.History(c.id); story !=
		"organization.created v1, member.joined v2, member.invited v3, member.joined v4" {
		t.Errorf("events: %s", story)
	}
}

func invitationCanBeDeclined(t *testing.T, w *harness) {
	c := w.club("declined")
	bob := w.member("declined-bob@example.org")
	id := w.userID("declined-bob@example.org")
	c.invite(c.owner, "declined-bob@example.org", "member").Want(http.StatusCreated, "")
	c.invite(c.owner, "declined-bob@example.org", "member").Want(http.StatusConflict, "ALREADY_INVITED")
	bob.post(c.path("decline"), nil).Want(http.StatusNoContent, "")
	bob.post(c.path("decline"), nil).Want(http.StatusNotFound, "NOT_FOUND")
	bob.post(c.path("accept"), nil).Want(http.StatusNotFound, "NOT_FOUND")
	c.invite(c.owner, "declined-bob@example.org", "creator").Want(http.StatusCreated, "")
	c.remove(c.owner, id).Want(http.StatusNoContent, "")
	bob.post(c.path("accept"), nil).Want(http.StatusNotFound, "NOT_FOUND")
	if c.role(bob) != "" {
		t.Error("is a member all the same")
	}
	want := "organization.created v1, member.joined v2, member.invited v3, member.declined v4, " +
		"member.invited v5, member.removed v6"
	if story := w.History(c.id); story != want {
		t.Errorf("events: %s", story)
	}
	if n := w.Number(
		`SELECT count(*) FROM mails WHERE recipient = 'declined-bob@example.org' AND template = 'org-member-invitation'`,
	); n != 2 {
		t.Errorf("%d mails", n)
	}
}

func expiredInvitationCannotBeAccepted(t *testing.T, w *harness) {
	c := w.club("expired")
	bob := w.member("expired-bob@example.org")
	c.invite(c.owner, "expired-bob@example.org", "admin").Want(http.StatusCreated, "")
	if n := w.Number(`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'invited'
		AND invitation_expires_at BETWEEN now() + interval '6 days 23 hours' AND now() + interval '7 days 1 hour'`,
		c.id); n != 1 {
		t.Error("it does not end after seven days")
	}
	w.Exec(
		`UPDATE organization_memberships SET invitation_expires_at = now() - interval '1 second' WHERE organization_id = $1
			AND status = 'invited'`,
		c.id,
	)
	bob.post(c.path("accept"), nil).Want(http.StatusUnprocessableEntity, "INVITATION_EXPIRED")
	if got := c.role(bob); got != "" {
		t.Errorf("became %s", got)
	}
	c.invite(c.owner, "expired-bob@example.org", "member").Want(http.StatusCreated, "")
	bob.post(c.path("accept"), nil).Want(http.StatusOK, "")
	if got := c.role(bob); got != "member" {
		t.Errorf("became %s", got)
	}
}

func onlyTheInvitedUserAccepts(t *testing.T, w *harness) {
	c := w.club("answered")
	w.member("answered-bob@example.org")
	eve := w.member("answered-eve@example.org")
	c.invite(c.owner, "answered-bob@example.org", "admin").Want(http.StatusCreated, "")
	foreign := eve.post(c.path("accept"), nil).Want(http.StatusNotFound, "NOT_FOUND")
	missing := eve.post("/api/organizations/"+uuid.NewString()+"/members/accept", nil).
		Want(http.StatusNotFound, "NOT_FOUND")
	if foreign.Body != missing.Body {
		t.Errorf("%s and %s differ", foreign.Body, missing.Body)
	}
	eve.post(c.path("decline"), nil).Want(http.StatusNotFound, "NOT_FOUND")
	w.anonymous().post(c.path("accept"), nil).Want(http.StatusUnauthorized, "UNAUTHORIZED")
}

func invalidInvitationsAreRejected(t *testing.T, w *harness) {
	c := w.club("bad-invitations")
	c.owner.post(c.path("invite"), map[string]any{}).WantFields("email", "role")
	c.invite(c.owner, "nonsense", "member").WantFields("email")
	w.member("bad-invitations-bob@example.org")
	for _, role := range []string{"owner", "subscriber", "boss"} {
		c.invite(c.owner, "bad-invitations-bob@example.org", role).WantFields("role")
	}
	c.invite(c.owner, "nobody@example.org", "member").Want(http.StatusNotFound, "USER_NOT_FOUND")
	for _, role := range []string{"creator", "member"} {
		b, _ := c.join(role, role)
		c.invite(b, "nobody@example.org", "member").Want(http.StatusForbidden, "NOT_A_MANAGER")
	}
	if n := w.Number(
		`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'invited'`, c.id); n != 0 {
		t.Errorf("%d were invited", n)
	}
}

// The edge accepts the invitation of an admin who is none any more when it applies.
func invitationIsAuthorizedWhenApplied(t *testing.T, w *harness) {
	c := w.club("late-right")
	admin, id := c.join("admin", "admin")
	w.member("late-right-bob@example.org")
	w.Exec(fmt.Sprintf(`CREATE FUNCTION unseat() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		UPDATE organization_memberships SET status = 'inactive' WHERE user_id = '%s'; RETURN NEW; END $$;
		CREATE TRIGGER unseat AFTER INSERT ON commands FOR EACH ROW WHEN (NEW.status = 'accepted' AND NEW.actor_id = '%s')
			EXECUTE FUNCTION unseat()`, id, id))
	got := admin.asyncOutcome(c.path("invite"), map[string]any{"email": "late-right-bob@example.org", "role": "member"})
	if got.Text("data.status") != "rejected" || got.At("data.response.status") != float64(http.StatusForbidden) {
		t.Errorf("%s", got.Body)
	}
	if n := w.Number(
		`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'invited'`,
		c.id,
	) +
		w.Number(
			`SELECT count(*) FROM mails WHERE recipient = 'late-right-bob@example.org' AND template = 'org-member-invitation'`,
		); n != 0 {
		t.Error("the invitation went out")
	}
}

func nothingIsRevealedBeforeAcceptance(t *testing.T, w *harness) {
	c := w.club("reveals")
	bob := w.member("reveals-bob@example.org")
	id := w.userID("reveals-bob@example.org")
	w.Exec(`UPDATE users SET name = 'Bob Secretname', avatar_url = 'https://secret.test/bob.webp' WHERE id = $1`, id)
	shows := func(what string, a handlertest.Answer, shown bool) {
		t.Helper()
		for _, secret := range []string{"Secretname", "secret.test"} {
			if strings.Contains(a.Body, secret) != shown {
				t.Errorf("%s: shows %q: %v: %s", what, secret, !shown, a.Body)
			}
		}
	}
	list := func() handlertest.Answer { return c.owner.get(c.path()).Want(http.StatusOK, "") }
	shows("the invitation", c.invite(c.owner, "reveals-bob@example.org", "member").Want(http.StatusCreated, ""), false)
	shows("the list", list(), false)
	bob.post(c.path("decline"), nil).Want(http.StatusNoContent, "")
	shows("the list after declining", list(), false)
	if strings.Contains(list().Body, "reveals-bob") {
		t.Error("the address is shown after declining")
	}
	c.invite(c.owner, "reveals-bob@example.org", "member").Want(http.StatusCreated, "")
	c.remove(c.owner, id).Want(http.StatusNoContent, "")
	shows("the list after withdrawing", list(), false)
	c.invite(c.owner, "reveals-bob@example.org", "member").Want(http.StatusCreated, "")
	shows("the acceptance", bob.post(c.path("accept"), nil).Want(http.StatusOK, ""), true)
	shows("the list of members", list(), true)
}

func anAddressGetsFiveInvitationsADay(_ *testing.T, w *harness) {
	w.member("pestered@example.org")
	foreign := w.creator("pesters-nobody@example.org")
	c := w.club("pesters")
	for range 6 { // of those who may not invite none counts
		c.invite(foreign, "pestered@example.org", "member").Want(http.StatusForbidden, "FORBIDDEN")
	}
	for _, slug := range []string{"pester-1", "pester-2", "pester-3", "pester-4", "pester-5"} {
		d := w.club(slug)
		d.invite(d.owner, "pestered@example.org", "member").Want(http.StatusCreated, "")
	}
	got := c.invite(c.owner, "Pestered@example.org", "member").Want(http.StatusTooManyRequests, "TOO_MANY_INVITATIONS")
	if got.Header.Get("Retry-After") == "" {
		w.Error("no Retry-After")
	}
	for range 5 {
		c.invite(c.owner, "no-account@example.org", "member").Want(http.StatusNotFound, "USER_NOT_FOUND")
	}
	c.invite(c.owner, "no-account@example.org", "member").Want(http.StatusTooManyRequests, "TOO_MANY_INVITATIONS")
}
