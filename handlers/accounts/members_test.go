package accounts_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// club is an organization with its owner.
type club struct {
	*harness
	id    string
	slug  string
	owner *browser
}

func (w *harness) club(slug string) *club {
	w.Helper()
	owner := w.creator(slug + "-owner@example.org")
	got := owner.post("/api/organizations", map[string]any{"name": "The " + slug, "slug": slug}).want(http.StatusCreated)
	return &club{harness: w, id: got.Text("data.id"), slug: slug, owner: owner}
}

func (c *club) path(rest ...string) string {
	return strings.Join(append([]string{"/api/organizations", c.id, "members"}, rest...), "/")
}

func (w *harness) userID(email string) string {
	w.Helper()
	var id string
	if err := w.Pool.QueryRow(w.Context(), `SELECT id FROM users WHERE email = $1`, email).Scan(&id); err != nil {
		w.Fatal(err)
	}
	return id
}

// invite invites an account as a role and returns the answer.
func (c *club) invite(by *browser, email, role string) answer {
	c.Helper()
	return by.post(c.path("invite"), map[string]any{"email": email, "role": role})
}

// join makes a new account that is a member with a role.
func (c *club) join(name, role string) (*browser, string) {
	c.Helper()
	email := name + "-" + c.slug + "@example.org"
	b := c.member(email)
	id := c.userID(email)
	if role == "owner" {
		c.invite(c.owner, email, "admin").want(http.StatusCreated)
		b.post(c.path("accept"), nil).want(http.StatusOK)
		c.owner.call(http.MethodPatch, c.path(id), map[string]any{"role": "owner"}).want(http.StatusOK)
		return b, id
	}
	c.invite(c.owner, email, role).want(http.StatusCreated)
	b.post(c.path("accept"), nil).want(http.StatusOK)
	return b, id
}

func (c *club) setRole(by *browser, user, role string) answer {
	c.Helper()
	return by.call(http.MethodPatch, c.path(user), map[string]any{"role": role})
}

func (c *club) remove(by *browser, user string) answer {
	c.Helper()
	return by.call(http.MethodDelete, c.path(user), nil)
}

// code is the detail code of a refusal.
func (a answer) code() string { return a.Text("error.details.context.code") }

func (c *club) role(b *browser) string {
	c.Helper()
	return b.get(c.path("my-membership")).want(http.StatusOK).Text("data.role")
}

func TestMembers(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{bus: true})
	for name, test := range map[string]func(*testing.T, *harness){
		"an invitation needs consent":                                invitationNeedsConsent,
		"an invitation can be declined or withdrawn":                 invitationCanBeDeclined,
		"an expired invitation cannot be accepted":                   expiredInvitationCannotBeAccepted,
		"an invitation is answered by who was invited only":          invitationIsAnsweredByTheInvited,
		"bad invitations are refused":                                badInvitationsAreRefused,
		"only an owner makes an owner or an admin":                   onlyOwnersMakeLeaders,
		"nobody raises their own role":                               nobodyRaisesTheirOwnRole,
		"an organization keeps an owner":                             organizationKeepsAnOwner,
		"two owners cannot leave at once":                            twoOwnersCannotLeaveAtOnce,
		"a removed member comes back with the new role":              removedMemberComesBackWithTheNewRole,
		"a removed member loses the content at once":                 removedMemberLosesContentAtOnce,
		"members leave by themselves":                                membersLeave,
		"members are told of another role and of their removal":      membersAreToldOfWhatIsDoneToThem,
		"strangers learn nothing":                                    strangersLearnNothing,
		"a list shows what concerns its reader":                      listShowsWhatConcernsItsReader,
		"the right to invite is checked when the invitation applies": rightToInviteIsCheckedLate,
		"the platform's owner manages every organization":            platformOwnerManages,
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
	got := c.invite(c.owner, " Consent-Bob@example.org", "creator").want(http.StatusCreated)
	if got.Text("data.status") != "invited" || got.Text("data.role") != "creator" || got.At("data.joinedAt") != nil ||
		got.Text("data.email") != "consent-bob@example.org" || got.Text("data.userId") != w.userID("consent-bob@example.org") {
		t.Errorf("%s", got.Body)
	}
	bob.get(c.path()).wantError(http.StatusForbidden, "FORBIDDEN")
	mine := bob.get(c.path("my-membership")).want(http.StatusOK)
	if mine.At("data.role") != nil || mine.Text("data.status") != "invited" || mine.Text("data.invitation.role") != "creator" {
		t.Errorf("%s", mine.Body)
	}
	var subject, body string
	if err := w.Pool.QueryRow(t.Context(), `SELECT subject, text_body FROM mails WHERE recipient = 'consent-bob@example.org' AND template = 'org-member-invitation'`).
		Scan(&subject, &body); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(body, w.URL+"/invitations/"+c.id) || !strings.Contains(body, "7 days") || strings.Contains(subject+body, "The consent") {
		t.Errorf("mail %q: %s", subject, body)
	}
	page := bob.get("/invitations/" + c.id).want(http.StatusOK)
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(page.Body, `data-organization="`+c.id+`"`) || strings.Contains(policy, "unsafe") {
		t.Errorf("%s %s", policy, page.Body)
	}
	if script := bob.get("/invitation.js").want(http.StatusOK); !strings.Contains(script.Header.Get("Content-Type"), "javascript") {
		t.Errorf("%v", script.Header)
	}
	bob.get("/invitations/x").want(http.StatusNotFound)
	accepted := bob.post(c.path("accept"), nil).want(http.StatusOK)
	if accepted.Text("data.status") != "active" || accepted.Text("data.role") != "creator" || accepted.Text("data.joinedAt") == "" {
		t.Errorf("%s", accepted.Body)
	}
	bob.post(c.path("accept"), nil).want(http.StatusOK)
	bob.get("/api/organizations/" + c.id).want(http.StatusOK)
	if again := c.invite(c.owner, "consent-bob@example.org", "member").wantError(http.StatusConflict, "CONFLICT"); again.code() != "ALREADY_MEMBER" {
		t.Errorf("%s", again.Body)
	}
	if story := w.story(c.id); story != "organization.created v1, member.joined v2, member.invited v3, member.joined v4" {
		t.Errorf("events: %s", story)
	}
}

func invitationCanBeDeclined(t *testing.T, w *harness) {
	c := w.club("declined")
	bob := w.member("declined-bob@example.org")
	id := w.userID("declined-bob@example.org")
	c.invite(c.owner, "declined-bob@example.org", "member").want(http.StatusCreated)
	if again := c.invite(c.owner, "declined-bob@example.org", "member").wantError(http.StatusConflict, "CONFLICT"); again.code() != "ALREADY_INVITED" {
		t.Errorf("%s", again.Body)
	}
	bob.post(c.path("decline"), nil).want(http.StatusNoContent)
	bob.post(c.path("decline"), nil).wantError(http.StatusNotFound, "NOT_FOUND")
	bob.post(c.path("accept"), nil).wantError(http.StatusNotFound, "NOT_FOUND")
	c.invite(c.owner, "declined-bob@example.org", "creator").want(http.StatusCreated)
	c.remove(c.owner, id).want(http.StatusNoContent)
	bob.post(c.path("accept"), nil).wantError(http.StatusNotFound, "NOT_FOUND")
	if c.role(bob) != "" {
		t.Error("is a member all the same")
	}
	want := "organization.created v1, member.joined v2, member.invited v3, member.declined v4, member.invited v5, member.removed v6"
	if story := w.story(c.id); story != want {
		t.Errorf("events: %s", story)
	}
	if n := w.Number(`SELECT count(*) FROM mails WHERE recipient = 'declined-bob@example.org' AND template = 'org-member-invitation'`); n != 2 {
		t.Errorf("%d mails", n)
	}
}

func expiredInvitationCannotBeAccepted(t *testing.T, w *harness) {
	c := w.club("expired")
	bob := w.member("expired-bob@example.org")
	c.invite(c.owner, "expired-bob@example.org", "admin").want(http.StatusCreated)
	if n := w.Number(`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'invited'
		AND invitation_expires_at BETWEEN now() + interval '6 days 23 hours' AND now() + interval '7 days 1 hour'`, c.id); n != 1 {
		t.Error("it does not end after seven days")
	}
	w.Exec(`UPDATE organization_memberships SET invitation_expires_at = now() - interval '1 second' WHERE organization_id = $1 AND status = 'invited'`, c.id)
	if got := bob.post(c.path("accept"), nil).wantError(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR"); got.code() != "INVITATION_EXPIRED" {
		t.Errorf("%s", got.Body)
	}
	if got := c.role(bob); got != "" {
		t.Errorf("became %s", got)
	}
	c.invite(c.owner, "expired-bob@example.org", "member").want(http.StatusCreated)
	bob.post(c.path("accept"), nil).want(http.StatusOK)
	if got := c.role(bob); got != "member" {
		t.Errorf("became %s", got)
	}
}

func invitationIsAnsweredByTheInvited(t *testing.T, w *harness) {
	c := w.club("answered")
	w.member("answered-bob@example.org")
	eve := w.member("answered-eve@example.org")
	c.invite(c.owner, "answered-bob@example.org", "admin").want(http.StatusCreated)
	foreign := eve.post(c.path("accept"), nil).wantError(http.StatusNotFound, "NOT_FOUND")
	missing := eve.post("/api/organizations/"+uuid.NewString()+"/members/accept", nil).wantError(http.StatusNotFound, "NOT_FOUND")
	if foreign.Body != missing.Body {
		t.Errorf("%s and %s differ", foreign.Body, missing.Body)
	}
	eve.post(c.path("decline"), nil).wantError(http.StatusNotFound, "NOT_FOUND")
	w.browser().post(c.path("accept"), nil).wantError(http.StatusUnauthorized, "UNAUTHORIZED")
}

func badInvitationsAreRefused(t *testing.T, w *harness) {
	c := w.club("bad-invitations")
	c.owner.post(c.path("invite"), map[string]any{}).wantFields("email", "role")
	c.invite(c.owner, "nonsense", "member").wantFields("email")
	w.member("bad-invitations-bob@example.org")
	for _, role := range []string{"owner", "subscriber", "boss"} {
		c.invite(c.owner, "bad-invitations-bob@example.org", role).wantFields("role")
	}
	if got := c.invite(c.owner, "nobody@example.org", "member").wantError(http.StatusNotFound, "NOT_FOUND"); got.code() != "USER_NOT_FOUND" {
		t.Errorf("%s", got.Body)
	}
	for _, role := range []string{"creator", "member"} {
		b, _ := c.join(role, role)
		if got := c.invite(b, "nobody@example.org", "member").wantError(http.StatusForbidden, "FORBIDDEN"); got.code() != "NOT_A_MANAGER" {
			t.Errorf("a %s learns %s", role, got.Body)
		}
	}
	if n := w.Number(`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'invited'`, c.id); n != 0 {
		t.Errorf("%d were invited", n)
	}
}

func onlyOwnersMakeLeaders(t *testing.T, w *harness) {
	c := w.club("leaders")
	admin, adminID := c.join("admin", "admin")
	second, secondID := c.join("second", "admin")
	_, plainID := c.join("plain", "member")
	ownerID := w.userID("leaders-owner@example.org")
	w.member("leaders-new@example.org")
	for name, got := range map[string]answer{
		"an admin invites an admin":   c.invite(admin, "leaders-new@example.org", "admin"),
		"an admin makes an admin":     c.setRole(admin, plainID, "admin"),
		"an admin makes an owner":     c.setRole(admin, plainID, "owner"),
		"an admin demotes the owner":  c.setRole(admin, ownerID, "member"),
		"an admin demotes an admin":   c.setRole(admin, secondID, "member"),
		"an admin removes the owner":  c.remove(admin, ownerID),
		"an admin removes an admin":   c.remove(second, adminID),
		"an admin makes another boss": c.setRole(second, adminID, "owner"),
	} {
		if got.Status != http.StatusForbidden || got.code() != "OWNER_REQUIRED" {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	c.setRole(admin, plainID, "creator").want(http.StatusOK)
	got := c.setRole(c.owner, plainID, "admin").want(http.StatusOK)
	if got.Text("data.role") != "admin" || got.Text("data.status") != "active" {
		t.Errorf("%s", got.Body)
	}
	c.setRole(c.owner, plainID, "admin").want(http.StatusOK)
	c.setRole(c.owner, plainID, "boss").wantFields("role")
	c.setRole(c.owner, plainID, "subscriber").wantFields("role")
	c.setRole(c.owner, "not-alphanumeric", "member").wantFields("userId")
	c.setRole(c.owner, "nobody", "member").wantError(http.StatusNotFound, "NOT_FOUND")
	c.remove(c.owner, secondID).want(http.StatusNoContent)
	c.setRole(c.owner, secondID, "member").wantError(http.StatusNotFound, "NOT_FOUND")
	if n := w.Number(`SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = 'member.role_changed'`, c.id); n != 2 {
		t.Errorf("%d changes are told", n)
	}
}

func nobodyRaisesTheirOwnRole(t *testing.T, w *harness) {
	c := w.club("own-role")
	for _, role := range []string{"admin", "creator", "member"} {
		b, id := c.join(role, role)
		for _, wish := range []string{"owner", "admin"} {
			if got := c.setRole(b, id, wish); wish != role && got.Status != http.StatusForbidden {
				t.Errorf("a %s becomes %s: %d %s", role, wish, got.Status, got.Body)
			}
		}
		if got := c.role(b); got != role {
			t.Errorf("a %s became %s", role, got)
		}
	}
	admin, id := c.join("modest", "admin")
	c.setRole(admin, id, "member").want(http.StatusOK)
	c.setRole(admin, id, "admin").wantError(http.StatusForbidden, "FORBIDDEN")
}

func organizationKeepsAnOwner(t *testing.T, w *harness) {
	c := w.club("keeps")
	id := w.userID("keeps-owner@example.org")
	for name, got := range map[string]answer{"demote": c.setRole(c.owner, id, "admin"), "remove": c.remove(c.owner, id)} {
		if got.Status != http.StatusUnprocessableEntity || got.code() != "LAST_OWNER" {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	heir, _ := c.join("heir", "owner")
	c.setRole(c.owner, id, "admin").want(http.StatusOK)
	c.remove(heir, id).want(http.StatusNoContent)
	heir.call(http.MethodDelete, c.path(w.userID("heir-keeps@example.org")), nil).wantError(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
}

func twoOwnersCannotLeaveAtOnce(t *testing.T, w *harness) {
	c := w.club("at-once")
	first := w.userID("at-once-owner@example.org")
	heir, second := c.join("heir", "owner")
	var left [2]answer
	var wait sync.WaitGroup
	for i, move := range []struct {
		b  *browser
		id string
	}{{c.owner, first}, {heir, second}} {
		wait.Go(func() { left[i] = move.b.call(http.MethodDelete, c.path(move.id), nil) })
	}
	wait.Wait()
	if left[0].Status+left[1].Status != http.StatusNoContent+http.StatusUnprocessableEntity {
		t.Errorf("%d %s, %d %s", left[0].Status, left[0].Body, left[1].Status, left[1].Body)
	}
	if n := w.Number(`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND role = 'owner' AND status = 'active'`, c.id); n != 1 {
		t.Errorf("%d owners", n)
	}
}

func removedMemberComesBackWithTheNewRole(t *testing.T, w *harness) {
	c := w.club("comes-back")
	b, id := c.join("was", "admin")
	before := b.get(c.path("my-membership")).want(http.StatusOK).Text("data.joinedAt")
	c.remove(c.owner, id).want(http.StatusNoContent)
	c.remove(c.owner, id).wantError(http.StatusNotFound, "NOT_FOUND")
	gone := b.get(c.path("my-membership")).want(http.StatusOK)
	if gone.At("data.role") != nil || gone.Text("data.status") != "inactive" || gone.At("data.joinedAt") != nil {
		t.Errorf("%s", gone.Body)
	}
	b.post(c.path("accept"), nil).wantError(http.StatusNotFound, "NOT_FOUND")
	c.invite(c.owner, "was-comes-back@example.org", "member").want(http.StatusCreated)
	if got := b.post(c.path("accept"), nil).want(http.StatusOK); got.Text("data.role") != "member" || got.Text("data.joinedAt") <= before {
		t.Errorf("joined %s before, now %s", before, got.Body)
	}
	if n := w.Number(`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND user_id = $2`, c.id, id); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// written puts a published article into an organization.
func (c *club) written(slug, access string, price int) string {
	c.Helper()
	id := uuid.NewString()
	c.Exec(`INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, content_body, access_type, price_cents, status, published_at, version)
		SELECT $1, m.user_id, $2, $3, $3, 'written', 'words', $4, $5, 'published', now(), 1
		FROM organization_memberships m WHERE m.organization_id = $2 AND m.role = 'owner'`, id, c.id, slug, access, price)
	c.Exec(`INSERT INTO content_stats (content_id, creator_id, organization_id, content_type, access_type, status, published_at, deleted_at)
		SELECT id, creator_id, organization_id, content_type, access_type, status, published_at, deleted_at FROM content WHERE id = $1`, id)
	return id
}

func removedMemberLosesContentAtOnce(t *testing.T, w *harness) {
	c := w.club("loses")
	paid, members := c.written("paid", "paid", 2999), c.written("members", "members", 0)
	b, id := c.join("reader", "member")
	stream := func(want int) {
		t.Helper()
		for _, content := range []string{paid, members} {
			b.get("/api/access/content/" + content + "/stream").want(want)
		}
	}
	stream(http.StatusOK)
	c.remove(c.owner, id).want(http.StatusNoContent)
	stream(http.StatusForbidden)
	b.get(c.path()).wantError(http.StatusForbidden, "FORBIDDEN")
	c.invite(c.owner, "reader-loses@example.org", "member").want(http.StatusCreated)
	stream(http.StatusForbidden)
	b.post(c.path("accept"), nil).want(http.StatusOK)
	stream(http.StatusOK)
	c.owner.call(http.MethodDelete, "/api/organizations/"+c.id, nil).want(http.StatusNoContent)
	stream(http.StatusForbidden)
}

func membersLeave(t *testing.T, w *harness) {
	c := w.club("leave")
	b, id := c.join("plain", "member")
	_, other := c.join("other", "member")
	c.remove(b, other).wantError(http.StatusForbidden, "FORBIDDEN")
	c.remove(b, id).want(http.StatusNoContent)
	c.remove(b, id).wantError(http.StatusForbidden, "FORBIDDEN")
	var data string
	if err := w.Pool.QueryRow(t.Context(), `SELECT data->>'reason' FROM outbox WHERE aggregate_id = $1 AND type = 'member.removed'`, c.id).Scan(&data); err != nil || data != "left" {
		t.Errorf("reason %q, %v", data, err)
	}
}

// Neither mail can be switched off, and neither says the name of the organization, which
// is free text.
func membersAreToldOfWhatIsDoneToThem(t *testing.T, w *harness) {
	c := w.club("told")
	b, id := c.join("plain", "member")
	leaver, leaverID := c.join("leaver", "member")
	w.member("told-asked@example.org")
	for _, browser := range []*browser{b, leaver} {
		browser.call(http.MethodPut, "/api/user/notification-preferences", map[string]any{"emailMarketing": false, "emailDigest": false}).want(http.StatusOK)
	}
	mails := func(template, email string) (said []string) {
		t.Helper()
		rows, err := w.Pool.Query(t.Context(), `SELECT subject||E'\n'||text_body||html_body FROM mails WHERE template = $1 AND recipient = $2 AND user_id = $3
			ORDER BY created_at, id`, template, email, w.userID(email))
		if err == nil {
			said, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	key := func(role string) answer {
		return c.owner.keyed(http.MethodPatch, c.path(id), "told-"+role, map[string]any{"role": role}).want(http.StatusOK)
	}
	key("creator")
	key("creator")
	c.setRole(c.owner, id, "creator").want(http.StatusOK) // no change
	c.setRole(c.owner, id, "owner").want(http.StatusOK)
	c.setRole(c.owner, "nobody", "creator").want(http.StatusNotFound)
	changed := mails("member-role-changed", "plain-told@example.org")
	if len(changed) != 2 || !strings.Contains(changed[0], "was member and is creator now") || !strings.Contains(changed[1], "was creator and is owner now") ||
		!strings.HasPrefix(changed[0], "Your role in told changed") || strings.Contains(changed[0], "The told") {
		t.Errorf("%d mails: %q", len(changed), changed)
	}
	c.remove(c.owner, id).want(http.StatusNoContent)
	c.remove(c.owner, id).want(http.StatusNotFound)
	removed := mails("member-removed", "plain-told@example.org")
	if len(removed) != 1 || !strings.Contains(removed[0], "“told”") || strings.Contains(removed[0], "The told") {
		t.Errorf("%d mails: %q", len(removed), removed)
	}
	c.remove(leaver, leaverID).want(http.StatusNoContent)
	c.invite(c.owner, "told-asked@example.org", "member").want(http.StatusCreated)
	c.remove(c.owner, w.userID("told-asked@example.org")).want(http.StatusNoContent)
	for _, email := range []string{"leaver-told@example.org", "told-asked@example.org"} {
		if said := mails("member-removed", email); len(said) != 0 {
			t.Errorf("%s is told: %q", email, said)
		}
	}
}

// A foreign organization and one that does not exist look the same.
func strangersLearnNothing(t *testing.T, w *harness) {
	c := w.club("unknown")
	eve := w.creator("unknown-eve@example.org")
	_, victim := c.join("victim", "member")
	nowhere := &club{harness: w, id: uuid.NewString()}
	ask := func(c *club) map[string]answer {
		at := "/api/organizations/" + c.id
		return map[string]answer{
			"list":   eve.get(c.path()),
			"invite": c.invite(eve, "unknown-eve@example.org", "admin"),
			"role":   c.setRole(eve, victim, "admin"),
			"remove": c.remove(eve, victim),
			"self":   c.remove(eve, w.userID("unknown-eve@example.org")),
			"update": eve.call(http.MethodPatch, at, map[string]any{"name": "Mine"}),
			"delete": eve.call(http.MethodDelete, at, nil),
			"own":    eve.get(at + "/my-membership"),
			"accept": eve.post(c.path("accept"), nil),
		}
	}
	foreign, missing := ask(c), ask(nowhere)
	for name, want := range map[string]int{"own": http.StatusOK, "accept": http.StatusNotFound} {
		if foreign[name].Status != want {
			t.Errorf("%s: %d %s", name, foreign[name].Status, foreign[name].Body)
		}
	}
	for name, got := range foreign {
		if got.Status != missing[name].Status || got.Body != missing[name].Body {
			t.Errorf("%s: %d %s, and where there is none %d %s", name, got.Status, got.Body, missing[name].Status, missing[name].Body)
		}
		if got.Status < 300 && name != "own" {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	for name, b := range map[string]*browser{"nobody": w.browser()} {
		for _, path := range []string{c.path(), c.path("my-membership"), "/api/organizations/" + c.id + "/my-membership"} {
			if got := b.get(path); got.Status != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d", name, path, got.Status)
			}
		}
	}
	if n := w.Number(`SELECT count(*) FROM outbox WHERE aggregate_id = $1`, c.id); n != 4 {
		t.Errorf("%d events", n)
	}
}

func listShowsWhatConcernsItsReader(t *testing.T, w *harness) {
	c := w.club("listed")
	plain, _ := c.join("plain", "member")
	_, goneID := c.join("gone", "creator")
	c.remove(c.owner, goneID).want(http.StatusNoContent)
	w.member("listed-asked@example.org")
	c.invite(c.owner, "listed-asked@example.org", "admin").want(http.StatusCreated)
	for query, want := range map[string]string{
		"": "owner/active member/active creator/inactive admin/invited", "?status=active": "owner/active member/active",
		"?status=invited": "admin/invited", "?role=creator": "creator/inactive", "?role=creator&status=active": "",
		"?limit=2&page=2": "creator/inactive admin/invited", "?page=9": "",
	} {
		if got := placesOf(c.owner.get(c.path() + query).want(http.StatusOK)); got != want {
			t.Errorf("owner, %q: %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]string{"": "owner/active member/active", "?status=invited": "", "?status=inactive": ""} {
		got := plain.get(c.path() + query).want(http.StatusOK)
		if places := placesOf(got); places != want || strings.Contains(got.Body, "@") {
			t.Errorf("member, %q: %s", query, got.Body)
		}
	}
	if all := c.owner.get(c.path() + "?limit=2").want(http.StatusOK); all.At("pagination.total") != float64(4) || !strings.Contains(all.Body, "listed-owner@example.org") {
		t.Errorf("%s", all.Body)
	}
	c.owner.get(c.path()+"?role=boss&status=gone&limit=0").wantFields("limit", "role", "status")
}

func placesOf(a answer) string {
	list, _ := a.At("items").([]any)
	var places []string
	for _, item := range list {
		m, _ := item.(map[string]any)
		places = append(places, fmt.Sprint(m["role"], "/", m["status"]))
	}
	return strings.Join(places, " ")
}

// The edge accepts the invitation of an admin who is none any more when it applies.
func rightToInviteIsCheckedLate(t *testing.T, w *harness) {
	c := w.club("late-right")
	admin, id := c.join("admin", "admin")
	w.member("late-right-bob@example.org")
	w.Exec(fmt.Sprintf(`CREATE FUNCTION unseat() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		UPDATE organization_memberships SET status = 'inactive' WHERE user_id = '%s'; RETURN NEW; END $$;
		CREATE TRIGGER unseat AFTER INSERT ON commands FOR EACH ROW WHEN (NEW.status = 'accepted' AND NEW.actor_id = '%s') EXECUTE FUNCTION unseat()`, id, id))
	accepted := admin.call(http.MethodPost, c.path("invite"), map[string]any{"email": "late-right-bob@example.org", "role": "member"}, "Prefer", "respond-async").
		want(http.StatusAccepted)
	got := admin.get(accepted.Header.Get("Location")).want(http.StatusOK)
	for deadline := time.Now().Add(20 * time.Second); got.Text("data.status") == "accepted" && time.Now().Before(deadline); {
		got = admin.get(accepted.Header.Get("Location")).want(http.StatusOK)
	}
	if got.Text("data.status") != "rejected" || got.At("data.response.status") != float64(http.StatusForbidden) {
		t.Errorf("%s", got.Body)
	}
	if n := w.Number(`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'invited'`, c.id) +
		w.Number(`SELECT count(*) FROM mails WHERE recipient = 'late-right-bob@example.org' AND template = 'org-member-invitation'`); n != 0 {
		t.Error("the invitation went out")
	}
}

func platformOwnerManages(t *testing.T, w *harness) {
	c := w.club("landlord")
	boss := w.member("landlord-boss@example.org")
	w.Exec(`UPDATE users SET role = 'platform_owner' WHERE email = 'landlord-boss@example.org'`)
	_, id := c.join("plain", "member")
	boss.get(c.path()).want(http.StatusOK)
	c.setRole(boss, id, "admin").want(http.StatusOK)
	boss.get("/api/organizations/"+uuid.NewString()+"/members").wantError(http.StatusNotFound, "NOT_FOUND")
	c.remove(boss, w.userID("landlord-owner@example.org")).wantError(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
	boss.call(http.MethodDelete, "/api/organizations/"+c.id, nil).want(http.StatusNoContent)
	boss.call(http.MethodDelete, "/api/organizations/"+c.id, nil).wantError(http.StatusNotFound, "NOT_FOUND")
}
