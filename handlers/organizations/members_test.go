package organizations_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	for name, test := range map[string]func(*testing.T, *harness){
		"only an owner assigns the roles owner and admin":       onlyOwnersAssignOwnersAndAdmins,
		"members cannot raise their own role":                   membersCannotRaiseTheirOwnRole,
		"an organization keeps an owner":                        organizationKeepsAnOwner,
		"two owners cannot leave at the same time":              twoOwnersCannotLeaveAtOnce,
		"a removed member rejoins with the new role":            removedMemberRejoinsWithTheNewRole,
		"a removed member loses access at once":                 removedMemberLosesAccessAtOnce,
		"members can leave":                                     membersLeave,
		"members get mail about another role and their removal": membersGetMailAboutTheirRoleAndRemoval,
		"outsiders cannot tell whether an organization exists":  outsidersCannotTellWhetherAnOrganizationExists,
		"the list depends on the role of the caller":            listDependsOnTheRoleOfTheCaller,
		"the platform owner manages every organization":         platformOwnerManagesEveryOrganization,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.in(t))
		})
	}
}

func onlyOwnersAssignOwnersAndAdmins(t *testing.T, w *harness) {
	c := w.club("leaders")
	admin, adminID := c.join("admin", "admin")
	second, secondID := c.join("second", "admin")
	_, plainID := c.join("plain", "member")
	ownerID := w.userID("leaders-owner@example.org")
	w.member("leaders-new@example.org")
	for name, got := range map[string]handlertest.Answer{
		"an admin invites an admin":   c.invite(admin, "leaders-new@example.org", "admin"),
		"an admin makes an admin":     c.setRole(admin, plainID, "admin"),
		"an admin makes an owner":     c.setRole(admin, plainID, "owner"),
		"an admin demotes the owner":  c.setRole(admin, ownerID, "member"),
		"an admin demotes an admin":   c.setRole(admin, secondID, "member"),
		"an admin removes the owner":  c.remove(admin, ownerID),
		"an admin removes an admin":   c.remove(second, adminID),
		"an admin makes another boss": c.setRole(second, adminID, "owner"),
	} {
		if got.Status != http.StatusForbidden || reason(got) != "OWNER_REQUIRED" {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	c.setRole(admin, plainID, "creator").Want(http.StatusOK, "")
	got := c.setRole(c.owner, plainID, "admin").Want(http.StatusOK, "")
	if got.Text("data.role") != "admin" || got.Text("data.status") != "active" {
		t.Errorf("%s", got.Body)
	}
	c.setRole(c.owner, plainID, "admin").Want(http.StatusOK, "")
	c.setRole(c.owner, plainID, "boss").WantFields("role")
	c.setRole(c.owner, plainID, "subscriber").WantFields("role")
	c.setRole(c.owner, "not-alphanumeric", "member").WantFields("userId")
	c.setRole(c.owner, "nobody", "member").Want(http.StatusNotFound, "NOT_FOUND")
	c.remove(c.owner, secondID).Want(http.StatusNoContent, "")
	c.setRole(c.owner, secondID, "member").Want(http.StatusNotFound, "NOT_FOUND")
	if n := w.Number(
		`SELECT count(*) FROM outbox WHERE aggregate_id = $1 AND type = 'member.role_changed'`, c.id); n != 2 {
		t.Errorf("%d changes are told", n)
	}
}

func membersCannotRaiseTheirOwnRole(t *testing.T, w *harness) {
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
	c.setRole(admin, id, "member").Want(http.StatusOK, "")
	c.setRole(admin, id, "admin").Want(http.StatusForbidden, "FORBIDDEN")
}

func organizationKeepsAnOwner(t *testing.T, w *harness) {
	c := w.club("keeps")
	id := w.userID("keeps-owner@example.org")
	for name, got := range map[string]handlertest.Answer{
		"demote": c.setRole(c.owner, id, "admin"),
		"remove": c.remove(c.owner, id),
	} {
		if got.Status != http.StatusUnprocessableEntity || reason(got) != "LAST_OWNER" {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	heir, _ := c.join("heir", "owner")
	c.setRole(c.owner, id, "admin").Want(http.StatusOK, "")
	c.remove(heir, id).Want(http.StatusNoContent, "")
	heir.call(http.MethodDelete, c.path(w.userID("heir-keeps@example.org")), nil).
		Want(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
}

func twoOwnersCannotLeaveAtOnce(t *testing.T, w *harness) {
	c := w.club("at-once")
	first := w.userID("at-once-owner@example.org")
	heir, second := c.join("heir", "owner")
	var left [2]handlertest.Answer
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
	if n := w.Number(
		`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND role = 'owner' AND status = 'active'`,
		c.id,
	); n != 1 {
		t.Errorf("%d owners", n)
	}
}

func removedMemberRejoinsWithTheNewRole(t *testing.T, w *harness) {
	c := w.club("comes-back")
	b, id := c.join("was", "admin")
	before := b.get(c.path("my-membership")).Want(http.StatusOK, "").Text("data.joinedAt")
	c.remove(c.owner, id).Want(http.StatusNoContent, "")
	c.remove(c.owner, id).Want(http.StatusNotFound, "NOT_FOUND")
	gone := b.get(c.path("my-membership")).Want(http.StatusOK, "")
	if gone.At("data.role") != nil || gone.Text("data.status") != "inactive" || gone.At("data.joinedAt") != nil {
		t.Errorf("%s", gone.Body)
	}
	b.post(c.path("accept"), nil).Want(http.StatusNotFound, "NOT_FOUND")
	c.invite(c.owner, "was-comes-back@example.org", "member").Want(http.StatusCreated, "")
	if got := b.post(c.path("accept"), nil).
		Want(http.StatusOK, ""); got.Text("data.role") != "member" ||
		got.Text("data.joinedAt") <= before {
		t.Errorf("joined %s before, now %s", before, got.Body)
	}
	if n := w.Number(
		`SELECT count(*) FROM organization_memberships WHERE organization_id = $1 AND user_id = $2`, c.id, id); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func removedMemberLosesAccessAtOnce(t *testing.T, w *harness) {
	c := w.club("loses")
	paid, members := c.written("paid", "paid", 2999), c.written("members", "members", 0)
	b, id := c.join("reader", "member")
	stream := func(want int) {
		t.Helper()
		for _, content := range []string{paid, members} {
			if got := b.get("/api/access/content/" + content + "/stream"); got.Status != want {
				t.Errorf("status %d, want %d: %s", got.Status, want, got.Body)
			}
		}
	}
	stream(http.StatusOK)
	c.remove(c.owner, id).Want(http.StatusNoContent, "")
	stream(http.StatusForbidden)
	b.get(c.path()).Want(http.StatusForbidden, "FORBIDDEN")
	c.invite(c.owner, "reader-loses@example.org", "member").Want(http.StatusCreated, "")
	stream(http.StatusForbidden)
	b.post(c.path("accept"), nil).Want(http.StatusOK, "")
	stream(http.StatusOK)
	c.owner.call(http.MethodDelete, "/api/organizations/"+c.id, nil).Want(http.StatusNoContent, "")
	stream(http.StatusForbidden)
}

func membersLeave(t *testing.T, w *harness) {
	c := w.club("leave")
	b, id := c.join("plain", "member")
	_, other := c.join("other", "member")
	c.remove(b, other).Want(http.StatusForbidden, "FORBIDDEN")
	c.remove(b, id).Want(http.StatusNoContent, "")
	c.remove(b, id).Want(http.StatusForbidden, "FORBIDDEN")
	const reasons = `SELECT string_agg(data->>'reason', ' ') FROM outbox WHERE aggregate_id = $1
		AND type = 'member.removed'`
	if got := handlertest.Value[string](w.Harness, reasons, c.id); got != "left" {
		t.Errorf("reasons %q", got)
	}
}

// Neither mail can be switched off, and neither says the name of the organization, which
// is free text.
func membersGetMailAboutTheirRoleAndRemoval(t *testing.T, w *harness) {
	c := w.club("told")
	_, id := c.join("plain", "member")
	leaver, leaverID := c.join("leaver", "member")
	w.member("told-asked@example.org")
	w.Exec(`UPDATE users SET email_marketing = false, email_digest = false WHERE id IN ($1, $2)`, id, leaverID)
	mails := func(template, email string) []string {
		t.Helper()
		return handlertest.Value[[]string](w.Harness, `
SELECT COALESCE(array_agg(subject||E'\n'||text_body||html_body ORDER BY created_at, id), '{}')
FROM mails WHERE template = $1 AND recipient = $2 AND user_id = $3`, template, email, w.userID(email))
	}
	key := func(role string) handlertest.Answer {
		return c.owner.call(http.MethodPatch, c.path(id), map[string]any{"role": role}, "Idempotency-Key", "told-"+role)
	}
	key("creator").Want(http.StatusOK, "")
	key("creator").Want(http.StatusOK, "")
	c.setRole(c.owner, id, "creator").Want(http.StatusOK, "") // no change
	c.setRole(c.owner, id, "owner").Want(http.StatusOK, "")
	c.setRole(c.owner, "nobody", "creator").Want(http.StatusNotFound, "NOT_FOUND")
	changed := mails("member-role-changed", "plain-told@example.org")
	if len(changed) != 2 || !strings.Contains(changed[0], "was member and is creator now") ||
		!strings.Contains(changed[1], "was creator and is owner now") ||
		!strings.HasPrefix(changed[0], "Your role in told changed") ||
		strings.Contains(changed[0], "The told") {
		t.Errorf("%d mails: %q", len(changed), changed)
	}
	c.remove(c.owner, id).Want(http.StatusNoContent, "")
	c.remove(c.owner, id).Want(http.StatusNotFound, "NOT_FOUND")
	removed := mails("member-removed", "plain-told@example.org")
	if len(removed) != 1 || !strings.Contains(removed[0], "“told”") || strings.Contains(removed[0], "The told") {
		t.Errorf("%d mails: %q", len(removed), removed)
	}
	c.remove(leaver, leaverID).Want(http.StatusNoContent, "")
	c.invite(c.owner, "told-asked@example.org", "member").Want(http.StatusCreated, "")
	c.remove(c.owner, w.userID("told-asked@example.org")).Want(http.StatusNoContent, "")
	for _, email := range []string{"leaver-told@example.org", "told-asked@example.org"} {
		if said := mails("member-removed", email); len(said) != 0 {
			t.Errorf("%s got a mail: %q", email, said)
		}
	}
}

// A foreign organization and one that does not exist look the same.
func outsidersCannotTellWhetherAnOrganizationExists(t *testing.T, w *harness) {
	c := w.club("unknown")
	eve := w.creator("unknown-eve@example.org")
	_, victim := c.join("victim", "member")
	nowhere := &club{harness: w, id: uuid.NewString()}
	ask := func(c *club) map[string]handlertest.Answer {
		at := "/api/organizations/" + c.id
		return map[string]handlertest.Answer{
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
			t.Errorf(
				"%s: %d %s, and where there is none %d %s",
				name,
				got.Status,
				got.Body,
				missing[name].Status,
				missing[name].Body,
			)
		}
		if got.Status < 300 && name != "own" {
			t.Errorf("%s: %d", name, got.Status)
		}
	}
	for name, b := range map[string]*browser{"nobody": w.anonymous()} {
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

func listDependsOnTheRoleOfTheCaller(t *testing.T, w *harness) {
	c := w.club("listed")
	plain, _ := c.join("plain", "member")
	_, goneID := c.join("gone", "creator")
	c.remove(c.owner, goneID).Want(http.StatusNoContent, "")
	w.member("listed-asked@example.org")
	c.invite(c.owner, "listed-asked@example.org", "admin").Want(http.StatusCreated, "")
	for query, want := range map[string]string{
		"": "owner/active member/active creator/inactive admin/invited", "?status=active": "owner/active member/active",
		"?status=invited": "admin/invited", "?role=creator": "creator/inactive", "?role=creator&status=active": "",
		"?limit=2&page=2": "creator/inactive admin/invited", "?page=9": "",
	} {
		if got := membershipsOf(c.owner.get(c.path()+query).Want(http.StatusOK, "")); got != want {
			t.Errorf("owner, %q: %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"": "owner/active member/active", "?status=invited": "",
		"?status=inactive": "",
	} {
		got := plain.get(c.path()+query).Want(http.StatusOK, "")
		if memberships := membershipsOf(got); memberships != want || strings.Contains(got.Body, "@") {
			t.Errorf("member, %q: %s", query, got.Body)
		}
	}
	if all := c.owner.get(c.path()+"?limit=2").
		Want(http.StatusOK, ""); all.At("pagination.total") != float64(4) ||
		!strings.Contains(all.Body, "listed-owner@example.org") {
		t.Errorf("%s", all.Body)
	}
	c.owner.get(c.path()+"?role=boss&status=gone&limit=0").WantFields("limit", "role", "status")
}

func membershipsOf(a handlertest.Answer) string {
	list, _ := a.At("items").([]any)
	var memberships []string
	for _, item := range list {
		m, _ := item.(map[string]any)
		memberships = append(memberships, fmt.Sprint(m["role"], "/", m["status"]))
	}
	return strings.Join(memberships, " ")
}

func platformOwnerManagesEveryOrganization(t *testing.T, w *harness) {
	c := w.club("landlord")
	boss := w.user("landlord-boss@example.org", "platform_owner")
	_, id := c.join("plain", "member")
	boss.get(c.path()).Want(http.StatusOK, "")
	c.setRole(boss, id, "admin").Want(http.StatusOK, "")
	boss.get("/api/organizations/"+uuid.NewString()+"/members").Want(http.StatusNotFound, "NOT_FOUND")
	c.remove(boss, w.userID("landlord-owner@example.org")).Want(http.StatusUnprocessableEntity, "BUSINESS_LOGIC_ERROR")
	boss.call(http.MethodDelete, "/api/organizations/"+c.id, nil).Want(http.StatusNoContent, "")
	boss.call(http.MethodDelete, "/api/organizations/"+c.id, nil).Want(http.StatusNotFound, "NOT_FOUND")
}
