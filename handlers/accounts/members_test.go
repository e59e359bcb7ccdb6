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

	"github.com/codex-platform/codex/domain/access/token"
)

// streamTokens are the keys of stream tokens.
func (w *world) streamTokens(t *testing.T) *token.Keys {
	t.Helper()
	keys, err := token.NewKeys([]byte("a secret of stream tokens"))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// club is an organization with its owner.
type club struct {
	w     *world
	id    string
	slug  string
	owner *browser
}

func (w *world) club(t *testing.T, slug string) *club {
	t.Helper()
	owner := w.creator(t, slug+"-owner@example.org")
	got := owner.post(t, "/api/organizations", map[string]any{"name": "The " + slug, "slug": slug}).want(t, http.StatusCreated)
	return &club{w: w, id: got.text("data.id"), slug: slug, owner: owner}
}

func (c *club) path(rest ...string) string {
	return strings.Join(append([]string{"/api/organizations", c.id, "members"}, rest...), "/")
}

func (w *world) userID(t *testing.T, email string) string {
	t.Helper()
	var id string
	if err := w.pool.QueryRow(t.Context(), `SELECT id FROM users WHERE email = $1`, email).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// invite invites an account as a role and returns the answer.
func (c *club) invite(t *testing.T, by *browser, email, role string) answer {
	t.Helper()
	return by.post(t, c.path("invite"), map[string]any{"email": email, "role": role})
}

// join makes a new account that is a member with a role.
func (c *club) join(t *testing.T, name, role string) (*browser, string) {
	t.Helper()
	email := name + "-" + c.slug + "@example.org"
	b := c.w.member(t, email)
	id := c.w.userID(t, email)
	if role == "owner" {
		c.invite(t, c.owner, email, "admin").want(t, http.StatusCreated)
		b.post(t, c.path("accept"), nil).want(t, http.StatusOK)
		c.owner.call(t, http.MethodPatch, c.path(id), map[string]any{"role": "owner"}).want(t, http.StatusOK)
		return b, id
	}
	c.invite(t, c.owner, email, role).want(t, http.StatusCreated)
	b.post(t, c.path("accept"), nil).want(t, http.StatusOK)
	return b, id
}

func (c *club) setRole(t *testing.T, by *browser, user, role string) answer {
	t.Helper()
	return by.call(t, http.MethodPatch, c.path(user), map[string]any{"role": role})
}

func (c *club) remove(t *testing.T, by *browser, user string) answer {
	t.Helper()
	return by.call(t, http.MethodDelete, c.path(user), nil)
}

// code is the detail code of a refusal.
func (a answer) code() string { return a.text("error.details.context.code") }

func (c *club) role(t *testing.T, b *browser) string {
	t.Helper()
	return b.get(t, c.path("my-membership")).want(t, http.StatusOK).text("data.role")
}

func TestMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{bus: true})
	for name, test := range map[string]func(*testing.T, *world){
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
			test(t, w)
		})
	}
}

func invitationNeedsConsent(t *testing.T, w *world) {
	c := w.club(t, "consent")
	bob := w.member(t, "consent-bob@example.org")
	got := c.invite(t, c.owner, " Consent-Bob@example.org", "creator").want(t, http.StatusCreated)
	if got.text("data.status") != "invited" || got.text("data.role") != "creator" || got.at("data.joinedAt") != nil ||
		got.text("data.email") != "consent-bob@example.org" || got.text("data.userId") != w.userID(t, "consent-bob@example.org") {
		t.Errorf("%s", got.body)
	}
	bob.get(t, c.path()).wantError(t, http.StatusForbidden, "FORBIDDEN")
	mine := bob.get(t, c.path("my-membership")).want(t, http.StatusOK)
	if mine.at("data.role") != nil || mine.text("data.status") != "invited" || mine.text("data.invitation.role") != "creator" {
		t.Errorf("%s", mine.body)
	}
	var subject, body string
	if err := w.pool.QueryRow(t.Context(), `SELECT subject, text_body FROM mails WHERE recipient = 'consent-bob@example.org' AND template = 'org-member-invitation'`).
		Scan(&subject, &body); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(body, w.url+"/invitations/"+c.id) || !strings.Contains(body, "7 days") || strings.Contains(subject+body, "The consent") {
		t.Errorf("mail %q: %s", subject, body)
	}
	page := bob.get(t, "/invitations/"+c.id).want(t, http.StatusOK)
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(string(page.body), `data-organization="`+c.id+`"`) || strings.Contains(policy, "unsafe") {
		t.Errorf("%s %s", policy, page.body)
	}
	if script := bob.get(t, "/invitation.js").want(t, http.StatusOK); !strings.Contains(script.header.Get("Content-Type"), "javascript") {
		t.Errorf("%v", script.header)
	}
	bob.get(t, "/invitations/x").want(t, http.StatusNotFound)
	accepted := bob.post(t, c.path("accept"), nil).want(t, http.StatusOK)
	if accepted.text("data.status") != "active" || accepted.text("data.role") != "creator" || accepted.text("data.joinedAt") == "" {
		t.Errorf("%s", accepted.body)
	}
	bob.post(t, c.path("accept"), nil).want(t, http.StatusOK)
	bob.get(t, "/api/organizations/"+c.id).want(t, http.StatusOK)
	if again := c.invite(t, c.owner, "consent-bob@example.org", "member").wantError(t, http.StatusConflict, "CONFLICT"); again.code() != "ALREADY_MEMBER" {
		t.Errorf("%s", again.body)
	}
	if story := w.story(t, c.id); story != "organization.created v1, member.joined v2, member.invited v3, member.joined v4" {
		t.Errorf("events: %s", story)
	}
}

func invitationCanBeDeclined(t *testing.T, w *world) {
	c := w.club(t, "declined")
	bob := w.member(t, "declined-bob@example.org")
	id := w.userID(t, "declined-bob@example.org")
	c.invite(t, c.owner, "declined-bob@example.org", "member").want(t, http.StatusCreated)
	if again := c.invite(t, c.owner, "declined-bob@example.org", "member").wantError(t, http.StatusConflict, "CONFLICT"); again.code() != "ALREADY_INVITED" {
		t.Errorf("%s", again.body)
	}
	bob.post(t, c.path("decline"), nil).want(t, http.StatusNoContent)
	bob.post(t, c.path("decline"), nil).wantError(t, http.StatusNotFound, "NOT_FOUND")
	bob.post(t, c.path("accept"), nil).wantError(t, http.StatusNotFound, "NOT_FOUND")
	c.invite(t, c.owner, "declined-bob@example.org", "creator").want(t, http.StatusCreated)
	c.remove(t, c.owner, id).want(t, http.StatusNoContent)
	bob.post(t, c.path("accept"), nil).wantError(t, http.StatusNotFound, "NOT_FOUND")
	if c.role(t, bob) != "" {
		t.Error("is a member all the same")
	}
	want := "organization.created v1, member.joined v2, member.invited v3, member.declined v4, member.invited v5, member.removed v6"
	if story := w.story(t, c.id); story != want {
		t.Errorf("events: %s", story)
	}
	if n := w.count(t, `SELECT count(*) FROM mails WHERE recipient = 'declined-bob@example.org' AND template = 'org-member-invitation'`); n != 2 {
		t.Errorf("%d mails", n)
	}
}

func expiredInvitationCannotBeAccepted(t *testing.T, w *world) {
	c := w.club(t, "expired")
	bob := w.member(t, "expired-bob@example.org")
	c.invite(t, c.owner, "expired-bob@example.org", "admin").want(t, http.StatusCreated)
	if n := w.count(t, `SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'invited'
		AND invitation_expires_at BETWEEN now() + interval '6 days 23 hours' AND now() + interval '7 days 1 hour'`, c.id); n != 1 {
		t.Error("it does not end after seven days")
	}
	w.exec(t, `UPDATE organization_memberships SET invitation_expires_at = now() - interval '1 second' WHERE organization_id = $1 AND status = 'invited'`, c.id)
	if got := bob.post(t, c.path("accept"), nil).wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR"); got.code() != "INVITATION_EXPIRED" {
		t.Errorf("%s", got.body)
	}
	if got := c.role(t, bob); got != "" {
		t.Errorf("became %s", got)
	}
	c.invite(t, c.owner, "expired-bob@example.org", "member").want(t, http.StatusCreated)
	bob.post(t, c.path("accept"), nil).want(t, http.StatusOK)
	if got := c.role(t, bob); got != "member" {
		t.Errorf("became %s", got)
	}
}

func invitationIsAnsweredByTheInvited(t *testing.T, w *world) {
	c := w.club(t, "answered")
	w.member(t, "answered-bob@example.org")
	eve := w.member(t, "answered-eve@example.org")
	c.invite(t, c.owner, "answered-bob@example.org", "admin").want(t, http.StatusCreated)
	foreign := eve.post(t, c.path("accept"), nil).wantError(t, http.StatusNotFound, "NOT_FOUND")
	missing := eve.post(t, "/api/organizations/"+uuid.NewString()+"/members/accept", nil).wantError(t, http.StatusNotFound, "NOT_FOUND")
	if string(foreign.body) != string(missing.body) {
		t.Errorf("%s and %s differ", foreign.body, missing.body)
	}
	eve.post(t, c.path("decline"), nil).wantError(t, http.StatusNotFound, "NOT_FOUND")
	w.browser(t).post(t, c.path("accept"), nil).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")
}

func badInvitationsAreRefused(t *testing.T, w *world) {
	c := w.club(t, "bad-invitations")
	c.owner.post(t, c.path("invite"), map[string]any{}).wantFields(t, "email", "role")
	c.invite(t, c.owner, "nonsense", "member").wantFields(t, "email")
	w.member(t, "bad-invitations-bob@example.org")
	for _, role := range []string{"owner", "subscriber", "boss"} {
		c.invite(t, c.owner, "bad-invitations-bob@example.org", role).wantFields(t, "role")
	}
	if got := c.invite(t, c.owner, "nobody@example.org", "member").wantError(t, http.StatusNotFound, "NOT_FOUND"); got.code() != "USER_NOT_FOUND" {
		t.Errorf("%s", got.body)
	}
	for _, role := range []string{"creator", "member"} {
		b, _ := c.join(t, role, role)
		if got := c.invite(t, b, "nobody@example.org", "member").wantError(t, http.StatusForbidden, "FORBIDDEN"); got.code() != "NOT_A_MANAGER" {
			t.Errorf("a %s learns %s", role, got.body)
		}
	}
	if n := w.count(t, `SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'invited'`, c.id); n != 0 {
		t.Errorf("%d were invited", n)
	}
}

func onlyOwnersMakeLeaders(t *testing.T, w *world) {
	c := w.club(t, "leaders")
	admin, adminID := c.join(t, "admin", "admin")
	second, secondID := c.join(t, "second", "admin")
	_, plainID := c.join(t, "plain", "member")
	ownerID := w.userID(t, "leaders-owner@example.org")
	w.member(t, "leaders-new@example.org")
	for name, got := range map[string]answer{
		"an admin invites an admin":   c.invite(t, admin, "leaders-new@example.org", "admin"),
		"an admin makes an admin":     c.setRole(t, admin, plainID, "admin"),
		"an admin makes an owner":     c.setRole(t, admin, plainID, "owner"),
		"an admin demotes the owner":  c.setRole(t, admin, ownerID, "member"),
		"an admin demotes an admin":   c.setRole(t, admin, secondID, "member"),
		"an admin removes the owner":  c.remove(t, admin, ownerID),
		"an admin removes an admin":   c.remove(t, second, adminID),
		"an admin makes another boss": c.setRole(t, second, adminID, "owner"),
	} {
		if got.status != http.StatusForbidden || got.code() != "OWNER_REQUIRED" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	c.setRole(t, admin, plainID, "creator").want(t, http.StatusOK)
	got := c.setRole(t, c.owner, plainID, "admin").want(t, http.StatusOK)
	if got.text("data.role") != "admin" || got.text("data.status") != "active" {
		t.Errorf("%s", got.body)
	}
	c.setRole(t, c.owner, plainID, "admin").want(t, http.StatusOK)
	c.setRole(t, c.owner, plainID, "boss").wantFields(t, "role")
	c.setRole(t, c.owner, plainID, "subscriber").wantFields(t, "role")
	c.setRole(t, c.owner, "not-alphanumeric", "member").wantFields(t, "userId")
	c.setRole(t, c.owner, "nobody", "member").wantError(t, http.StatusNotFound, "NOT_FOUND")
	c.remove(t, c.owner, secondID).want(t, http.StatusNoContent)
	c.setRole(t, c.owner, secondID, "member").wantError(t, http.StatusNotFound, "NOT_FOUND")
	if n := w.count(t, `SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = 'member.role_changed'`, c.id); n != 2 {
		t.Errorf("%d changes are told", n)
	}
}

func nobodyRaisesTheirOwnRole(t *testing.T, w *world) {
	c := w.club(t, "own-role")
	for _, role := range []string{"admin", "creator", "member"} {
		b, id := c.join(t, role, role)
		for _, wish := range []string{"owner", "admin"} {
			if got := c.setRole(t, b, id, wish); wish != role && got.status != http.StatusForbidden {
				t.Errorf("a %s becomes %s: %d %s", role, wish, got.status, got.body)
			}
		}
		if got := c.role(t, b); got != role {
			t.Errorf("a %s became %s", role, got)
		}
	}
	admin, id := c.join(t, "modest", "admin")
	c.setRole(t, admin, id, "member").want(t, http.StatusOK)
	c.setRole(t, admin, id, "admin").wantError(t, http.StatusForbidden, "FORBIDDEN")
}

func organizationKeepsAnOwner(t *testing.T, w *world) {
	c := w.club(t, "keeps")
	id := w.userID(t, "keeps-owner@example.org")
	for name, got := range map[string]answer{"demote": c.setRole(t, c.owner, id, "admin"), "remove": c.remove(t, c.owner, id)} {
		if got.status != http.StatusUnprocessableEntity || got.code() != "LAST_OWNER" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	heir, _ := c.join(t, "heir", "owner")
	c.setRole(t, c.owner, id, "admin").want(t, http.StatusOK)
	c.remove(t, heir, id).want(t, http.StatusNoContent)
	heir.call(t, http.MethodDelete, c.path(w.userID(t, "heir-keeps@example.org")), nil).wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
}

func twoOwnersCannotLeaveAtOnce(t *testing.T, w *world) {
	c := w.club(t, "at-once")
	first := w.userID(t, "at-once-owner@example.org")
	heir, second := c.join(t, "heir", "owner")
	var left [2]answer
	var wait sync.WaitGroup
	for i, move := range []struct {
		b  *browser
		id string
	}{{c.owner, first}, {heir, second}} {
		wait.Go(func() { left[i] = move.b.call(t, http.MethodDelete, c.path(move.id), nil) })
	}
	wait.Wait()
	if left[0].status+left[1].status != http.StatusNoContent+http.StatusUnprocessableEntity {
		t.Errorf("%d %s, %d %s", left[0].status, left[0].body, left[1].status, left[1].body)
	}
	if n := w.count(t, `SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND role = 'owner' AND status = 'active'`, c.id); n != 1 {
		t.Errorf("%d owners", n)
	}
}

func removedMemberComesBackWithTheNewRole(t *testing.T, w *world) {
	c := w.club(t, "comes-back")
	b, id := c.join(t, "was", "admin")
	before := b.get(t, c.path("my-membership")).want(t, http.StatusOK).text("data.joinedAt")
	c.remove(t, c.owner, id).want(t, http.StatusNoContent)
	c.remove(t, c.owner, id).wantError(t, http.StatusNotFound, "NOT_FOUND")
	gone := b.get(t, c.path("my-membership")).want(t, http.StatusOK)
	if gone.at("data.role") != nil || gone.text("data.status") != "inactive" || gone.at("data.joinedAt") != nil {
		t.Errorf("%s", gone.body)
	}
	b.post(t, c.path("accept"), nil).wantError(t, http.StatusNotFound, "NOT_FOUND")
	c.invite(t, c.owner, "was-comes-back@example.org", "member").want(t, http.StatusCreated)
	if got := b.post(t, c.path("accept"), nil).want(t, http.StatusOK); got.text("data.role") != "member" || got.text("data.joinedAt") <= before {
		t.Errorf("joined %s before, now %s", before, got.body)
	}
	if n := w.count(t, `SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND user_id = $2`, c.id, id); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// written puts a published article into an organization.
func (c *club) written(t *testing.T, slug, access string, price int) string {
	t.Helper()
	id := uuid.NewString()
	c.w.exec(t, `INSERT INTO content (id, creator_id, organization_id, title, slug, content_type, content_body, access_type, price_cents, status, published_at, version)
		SELECT $1, m.user_id, $2, $3, $3, 'written', 'words', $4, $5, 'published', now(), 1
		FROM organization_memberships m WHERE m.organization_id = $2 AND m.role = 'owner'`, id, c.id, slug, access, price)
	return id
}

func removedMemberLosesContentAtOnce(t *testing.T, w *world) {
	c := w.club(t, "loses")
	paid, members := c.written(t, "paid", "paid", 2999), c.written(t, "members", "members", 0)
	b, id := c.join(t, "reader", "member")
	stream := func(want int) {
		t.Helper()
		for _, content := range []string{paid, members} {
			b.get(t, "/api/access/content/"+content+"/stream").want(t, want)
		}
	}
	stream(http.StatusOK)
	c.remove(t, c.owner, id).want(t, http.StatusNoContent)
	stream(http.StatusForbidden)
	b.get(t, c.path()).wantError(t, http.StatusForbidden, "FORBIDDEN")
	c.invite(t, c.owner, "reader-loses@example.org", "member").want(t, http.StatusCreated)
	stream(http.StatusForbidden)
	b.post(t, c.path("accept"), nil).want(t, http.StatusOK)
	stream(http.StatusOK)
	c.owner.call(t, http.MethodDelete, "/api/organizations/"+c.id, nil).want(t, http.StatusNoContent)
	stream(http.StatusForbidden)
}

func membersLeave(t *testing.T, w *world) {
	c := w.club(t, "leave")
	b, id := c.join(t, "plain", "member")
	_, other := c.join(t, "other", "member")
	c.remove(t, b, other).wantError(t, http.StatusForbidden, "FORBIDDEN")
	c.remove(t, b, id).want(t, http.StatusNoContent)
	c.remove(t, b, id).wantError(t, http.StatusForbidden, "FORBIDDEN")
	var data string
	if err := w.pool.QueryRow(t.Context(), `SELECT data->>'reason' FROM outbox WHERE aggregate_id = $1 AND type = 'member.removed'`, c.id).Scan(&data); err != nil || data != "left" {
		t.Errorf("reason %q, %v", data, err)
	}
}

// Neither mail can be switched off, and neither says the name of the organization, which
// is free text.
func membersAreToldOfWhatIsDoneToThem(t *testing.T, w *world) {
	c := w.club(t, "told")
	b, id := c.join(t, "plain", "member")
	leaver, leaverID := c.join(t, "leaver", "member")
	w.member(t, "told-asked@example.org")
	for _, browser := range []*browser{b, leaver} {
		browser.call(t, http.MethodPut, "/api/user/notification-preferences", map[string]any{"emailMarketing": false, "emailDigest": false}).want(t, http.StatusOK)
	}
	mails := func(template, email string) (said []string) {
		t.Helper()
		rows, err := w.pool.Query(t.Context(), `SELECT subject||E'\n'||text_body||html_body FROM mails WHERE template = $1 AND recipient = $2 AND user_id = $3
			ORDER BY created_at, id`, template, email, w.userID(t, email))
		if err == nil {
			said, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	key := func(role string) answer {
		return c.owner.keyed(t, http.MethodPatch, c.path(id), "told-"+role, map[string]any{"role": role}).want(t, http.StatusOK)
	}
	key("creator")
	key("creator")
	c.setRole(t, c.owner, id, "creator").want(t, http.StatusOK) // no change
	c.setRole(t, c.owner, id, "owner").want(t, http.StatusOK)
	c.setRole(t, c.owner, "nobody", "creator").want(t, http.StatusNotFound)
	changed := mails("member-role-changed", "plain-told@example.org")
	if len(changed) != 2 || !strings.Contains(changed[0], "was member and is creator now") || !strings.Contains(changed[1], "was creator and is owner now") ||
		!strings.HasPrefix(changed[0], "Your role in told changed") || strings.Contains(changed[0], "The told") {
		t.Errorf("%d mails: %q", len(changed), changed)
	}
	c.remove(t, c.owner, id).want(t, http.StatusNoContent)
	c.remove(t, c.owner, id).want(t, http.StatusNotFound)
	removed := mails("member-removed", "plain-told@example.org")
	if len(removed) != 1 || !strings.Contains(removed[0], "“told”") || strings.Contains(removed[0], "The told") {
		t.Errorf("%d mails: %q", len(removed), removed)
	}
	c.remove(t, leaver, leaverID).want(t, http.StatusNoContent)
	c.invite(t, c.owner, "told-asked@example.org", "member").want(t, http.StatusCreated)
	c.remove(t, c.owner, w.userID(t, "told-asked@example.org")).want(t, http.StatusNoContent)
	for _, email := range []string{"leaver-told@example.org", "told-asked@example.org"} {
		if said := mails("member-removed", email); len(said) != 0 {
			t.Errorf("%s is told: %q", email, said)
		}
	}
}

// A foreign organization and one that does not exist look the same.
func strangersLearnNothing(t *testing.T, w *world) {
	c := w.club(t, "unknown")
	eve := w.creator(t, "unknown-eve@example.org")
	_, victim := c.join(t, "victim", "member")
	nowhere := &club{w: w, id: uuid.NewString()}
	ask := func(c *club) map[string]answer {
		at := "/api/organizations/" + c.id
		return map[string]answer{
			"list":   eve.get(t, c.path()),
			"invite": c.invite(t, eve, "unknown-eve@example.org", "admin"),
			"role":   c.setRole(t, eve, victim, "admin"),
			"remove": c.remove(t, eve, victim),
			"self":   c.remove(t, eve, w.userID(t, "unknown-eve@example.org")),
			"update": eve.call(t, http.MethodPatch, at, map[string]any{"name": "Mine"}),
			"delete": eve.call(t, http.MethodDelete, at, nil),
			"own":    eve.get(t, at+"/my-membership"),
			"accept": eve.post(t, c.path("accept"), nil),
		}
	}
	foreign, missing := ask(c), ask(nowhere)
	for name, want := range map[string]int{"own": http.StatusOK, "accept": http.StatusNotFound} {
		if foreign[name].status != want {
			t.Errorf("%s: %d %s", name, foreign[name].status, foreign[name].body)
		}
	}
	for name, got := range foreign {
		if got.status != missing[name].status || string(got.body) != string(missing[name].body) {
			t.Errorf("%s: %d %s, and where there is none %d %s", name, got.status, got.body, missing[name].status, missing[name].body)
		}
		if got.status < 300 && name != "own" {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	for name, b := range map[string]*browser{"nobody": w.browser(t)} {
		for _, path := range []string{c.path(), c.path("my-membership"), "/api/organizations/" + c.id + "/my-membership"} {
			if got := b.get(t, path); got.status != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d", name, path, got.status)
			}
		}
	}
	if n := w.count(t, `SELECT count(*) FROM outbox WHERE aggregate_id = $1`, c.id); n != 4 {
		t.Errorf("%d events", n)
	}
}

func listShowsWhatConcernsItsReader(t *testing.T, w *world) {
	c := w.club(t, "listed")
	plain, _ := c.join(t, "plain", "member")
	_, goneID := c.join(t, "gone", "creator")
	c.remove(t, c.owner, goneID).want(t, http.StatusNoContent)
	w.member(t, "listed-asked@example.org")
	c.invite(t, c.owner, "listed-asked@example.org", "admin").want(t, http.StatusCreated)
	for query, want := range map[string]string{
		"": "owner/active member/active creator/inactive admin/invited", "?status=active": "owner/active member/active",
		"?status=invited": "admin/invited", "?role=creator": "creator/inactive", "?role=creator&status=active": "",
		"?limit=2&page=2": "creator/inactive admin/invited", "?page=9": "",
	} {
		if got := placesOf(c.owner.get(t, c.path()+query).want(t, http.StatusOK)); got != want {
			t.Errorf("owner, %q: %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]string{"": "owner/active member/active", "?status=invited": "", "?status=inactive": ""} {
		got := plain.get(t, c.path()+query).want(t, http.StatusOK)
		if places := placesOf(got); places != want || strings.Contains(string(got.body), "@") {
			t.Errorf("member, %q: %s", query, got.body)
		}
	}
	if all := c.owner.get(t, c.path()+"?limit=2").want(t, http.StatusOK); all.at("pagination.total") != float64(4) || !strings.Contains(string(all.body), "listed-owner@example.org") {
		t.Errorf("%s", all.body)
	}
	c.owner.get(t, c.path()+"?role=boss&status=gone&limit=0").wantFields(t, "limit", "role", "status")
}

func placesOf(a answer) string {
	list, _ := a.at("items").([]any)
	var places []string
	for _, item := range list {
		m, _ := item.(map[string]any)
		places = append(places, fmt.Sprint(m["role"], "/", m["status"]))
	}
	return strings.Join(places, " ")
}

// The edge accepts the invitation of an admin who is none any more when it applies.
func rightToInviteIsCheckedLate(t *testing.T, w *world) {
	c := w.club(t, "late-right")
	admin, id := c.join(t, "admin", "admin")
	w.member(t, "late-right-bob@example.org")
	w.exec(t, fmt.Sprintf(`CREATE FUNCTION unseat() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		UPDATE organization_memberships SET status = 'inactive' WHERE user_id = '%s'; RETURN NEW; END $$;
		CREATE TRIGGER unseat AFTER INSERT ON commands FOR EACH ROW WHEN (NEW.status = 'accepted' AND NEW.actor_id = '%s') EXECUTE FUNCTION unseat()`, id, id))
	accepted := admin.call(t, http.MethodPost, c.path("invite"), map[string]any{"email": "late-right-bob@example.org", "role": "member"}, "Prefer", "respond-async").
		want(t, http.StatusAccepted)
	got := admin.get(t, accepted.header.Get("Location")).want(t, http.StatusOK)
	for deadline := time.Now().Add(20 * time.Second); got.text("data.status") == "accepted" && time.Now().Before(deadline); {
		got = admin.get(t, accepted.header.Get("Location")).want(t, http.StatusOK)
	}
	if got.text("data.status") != "rejected" || got.at("data.response.status") != float64(http.StatusForbidden) {
		t.Errorf("%s", got.body)
	}
	if n := w.count(t, `SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND status = 'invited'`, c.id) +
		w.count(t, `SELECT count(*) FROM mails WHERE recipient = 'late-right-bob@example.org' AND template = 'org-member-invitation'`); n != 0 {
		t.Error("the invitation went out")
	}
}

func platformOwnerManages(t *testing.T, w *world) {
	c := w.club(t, "landlord")
	boss := w.member(t, "landlord-boss@example.org")
	w.exec(t, `UPDATE users SET role = 'platform_owner' WHERE email = 'landlord-boss@example.org'`)
	_, id := c.join(t, "plain", "member")
	boss.get(t, c.path()).want(t, http.StatusOK)
	c.setRole(t, boss, id, "admin").want(t, http.StatusOK)
	boss.get(t, "/api/organizations/"+uuid.NewString()+"/members").wantError(t, http.StatusNotFound, "NOT_FOUND")
	c.remove(t, boss, w.userID(t, "landlord-owner@example.org")).wantError(t, http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
	boss.call(t, http.MethodDelete, "/api/organizations/"+c.id, nil).want(t, http.StatusNoContent)
	boss.call(t, http.MethodDelete, "/api/organizations/"+c.id, nil).wantError(t, http.StatusNotFound, "NOT_FOUND")
}
