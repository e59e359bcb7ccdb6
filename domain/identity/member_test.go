package identity_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain/identity"
)

func facts(actor string, role identity.MemberRole, owners int) identity.MemberFacts {
	return identity.MemberFacts{
		Organization: identity.Organization{ID: "o1"}, Actor: identity.Authority{UserID: actor, Member: role}, Owners: owners,
	}
}

// TestOnlyWhatTheTableSaysChangesARole has a row for who asks and a letter for each
// change: y is yes, o is left to owners, m is left to owners and admins.
func TestOnlyWhatTheTableSaysChangesARole(t *testing.T) {
	t.Parallel()
	changes := []struct{ from, to identity.MemberRole }{
		{"owner", "admin"}, {"admin", "owner"}, {"admin", "creator"}, {"creator", "admin"}, {"creator", "member"}, {"member", "creator"}, {"subscriber", "owner"},
	}
	for actor, row := range map[identity.MemberRole]string{
		"owner": "yyyyyyy", "admin": "ooooyyo", "creator": "mmmmmmm", "subscriber": "mmmmmmm", "member": "mmmmmmm",
	} {
		want := map[byte]error{'y': nil, 'o': identity.ErrNotOwner, 'm': identity.ErrNotManager}
		for i, c := range changes {
			m := identity.Membership{UserID: "u2", Role: c.from, Status: identity.ActiveMember}
			next, happened, err := m.ChangeRole(c.to, facts("u1", actor, 2), noon)
			if !errors.Is(err, want[row[i]]) || (err == nil) != (next.Role == c.to) || (err == nil) != (len(happened) == 1) {
				t.Errorf("%s makes a %s %s: %s, %v", actor, c.from, c.to, next.Role, err)
			}
		}
	}
}

func TestAnInvitationIsGoodForSevenDays(t *testing.T) {
	t.Parallel()
	invite := identity.Invite{UserID: "u2", Role: identity.CreatorMember}
	m, _, err := identity.Membership{}.Invite(invite, "m1", facts("u1", identity.AdminMember, 1), noon)
	if err != nil || m.Status != identity.InvitedMember || m.ID != "m1" {
		t.Fatalf("%+v, %v", m, err)
	}
	for after, want := range map[time.Duration]error{0: nil, 7*24*time.Hour - time.Second: nil, 7 * 24 * time.Hour: identity.ErrInvitationExpired} {
		if _, _, err := m.Accept(facts("u2", "", 1), noon.Add(after)); !errors.Is(err, want) {
			t.Errorf("after %s: %v", after, err)
		}
	}
	if _, _, err := m.Accept(facts("u3", "", 1), noon); !errors.Is(err, identity.ErrInvitationNotFound) {
		t.Errorf("somebody else: %v", err)
	}
	m.ExpiresAt = nil
	if _, _, err := m.Accept(facts("u2", "", 1), noon); !errors.Is(err, identity.ErrInvitationExpired) {
		t.Errorf("without an end: %v", err)
	}
}

// Whatever is asked of an organization and by whom: an owner stays, nobody rises by
// themselves, and what a member was before counts for nothing.
func TestWhateverIsAskedAnOwnerStaysAndNobodyRisesAlone(t *testing.T) {
	t.Parallel()
	rank := map[identity.MemberRole]int{"owner": 3, "admin": 2, "creator": 1}
	people := []string{"u1", "u2", "u3", "u4"}
	roles := []identity.MemberRole{"owner", "admin", "creator", "member"}
	rapid.Check(t, func(t *rapid.T) {
		members := map[string]identity.Membership{"u1": {ID: "m", UserID: "u1", Role: "owner", Status: identity.ActiveMember}}
		offered := map[string]identity.MemberRole{}
		now := noon
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 72).Draw(t, "hours")) * time.Hour)
			actor, target := rapid.SampledFrom(people).Draw(t, "actor"), rapid.SampledFrom(people).Draw(t, "target")
			role := rapid.SampledFrom(roles).Draw(t, "role")
			f := facts(actor, "", 0)
			for _, m := range members {
				if m.Status == identity.ActiveMember && m.Role == identity.OwnerMember {
					f.Owners++
				}
			}
			if m := members[actor]; m.Status == identity.ActiveMember {
				f.Actor.Member = m.Role
			}
			before := members[target]
			next, err := before, error(nil)
			switch rapid.SampledFrom([]string{"invite", "accept", "decline", "role", "remove"}).Draw(t, "what") {
			case "invite":
				if next, _, err = before.Invite(identity.Invite{UserID: target, Role: role}, "m", f, now); err == nil {
					offered[target] = role
				}
			case "accept":
				target = actor
				before = members[actor]
				next, _, err = before.Accept(f, now)
			case "decline":
				target = actor
				before = members[actor]
				next, _, err = before.Decline(f, now)
			case "role":
				next, _, err = before.ChangeRole(role, f, now)
			case "remove":
				next, _, err = before.Remove(f, now)
			}
			if err != nil {
				continue
			}
			members[target] = next
			joined := before.Status != identity.ActiveMember && next.Status == identity.ActiveMember
			if joined && next.Role != offered[target] {
				t.Fatalf("%s joined as %s, and was offered %s", target, next.Role, offered[target])
			}
			if actor == target && before.Status == identity.ActiveMember && rank[next.Role] > rank[before.Role] {
				t.Fatalf("%s rose from %s to %s", actor, before.Role, next.Role)
			}
			owners := 0
			for _, m := range members {
				if m.Status == identity.ActiveMember && m.Role == identity.OwnerMember {
					owners++
				}
			}
			if owners == 0 {
				t.Fatal("nobody owns it")
			}
		}
	})
}
