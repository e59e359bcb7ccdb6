package organization_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain/organization"
)

func facts(actor string, role organization.Role, owners int) organization.MemberFacts {
	return organization.MemberFacts{
		Organization: organization.Organization{
			ID: "o1",
		},
		Actor:  organization.Authority{UserID: actor, Member: role},
		Owners: owners,
	}
}

// TestRoleChangesFollowTheTable has a row for the role of the actor and a letter for each
// change: y is yes, o is left to owners, m is left to owners and admins.
func TestRoleChangesFollowTheTable(t *testing.T) {
	t.Parallel()
	changes := []struct{ from, to organization.Role }{
		{
			"owner",
			"admin",
		},
		{"admin", "owner"},
		{"admin", "creator"},
		{"creator", "admin"},
		{"creator", "member"},
		{"member", "creator"},
		{"subscriber", "owner"},
	}
	for actor, row := range map[organization.Role]string{
		"owner": "yyyyyyy", "admin": "ooooyyo", "creator": "mmmmmmm", "subscriber": "mmmmmmm", "member": "mmmmmmm",
	} {
		want := map[byte]error{'y': nil, 'o': organization.ErrNotOwner, 'm': organization.ErrNotManager}
		for i, c := range changes {
			m := organization.Membership{UserID: "u2", Role: c.from, Status: organization.Active}
			next, payloads, err := m.ChangeRole(c.to, facts("u1", actor, 2), noon)
			if !errors.Is(err, want[row[i]]) || (err == nil) != (next.Role == c.to) || (err == nil) != (len(payloads) == 1) {
				t.Errorf("%s makes a %s %s: %s, %v", actor, c.from, c.to, next.Role, err)
			}
		}
	}
}

func TestAnInvitationIsGoodForSevenDays(t *testing.T) {
	t.Parallel()
	invite := organization.Invite{UserID: "u2", Role: organization.Creator}
	m, _, err := organization.Membership{}.Invite(invite, "m1", facts("u1", organization.Admin, 1), noon)
	if err != nil || m.Status != organization.Invited || m.ID != "m1" {
		t.Fatalf("%+v, %v", m, err)
	}
	for after, want := range map[time.Duration]error{0: nil, 7*24*time.Hour - time.Second: nil,
		7 * 24 * time.Hour: organization.ErrInvitationExpired} {
		if _, _, err := m.Accept(facts("u2", "", 1), noon.Add(after)); !errors.Is(err, want) {
			t.Errorf("after %s: %v", after, err)
		}
	}
	if _, _, err := m.Accept(facts("u3", "", 1), noon); !errors.Is(err, organization.ErrInvitationNotFound) {
		t.Errorf("another user: %v", err)
	}
	m.ExpiresAt = nil
	if _, _, err := m.Accept(facts("u2", "", 1), noon); !errors.Is(err, organization.ErrInvitationExpired) {
		t.Errorf("without an end: %v", err)
	}
}

// After any sequence of commands by any actors an owner is left, no member raised their own
// role, and an earlier membership counts for nothing.
func TestAnOwnerRemainsAndNoMemberRaisesTheirOwnRole(t *testing.T) {
	t.Parallel()
	rank := map[organization.Role]int{"owner": 3, "admin": 2, "creator": 1}
	people := []string{"u1", "u2", "u3", "u4"}
	roles := []organization.Role{"owner", "admin", "creator", "member"}
	rapid.Check(t, func(t *rapid.T) {
		members := map[string]organization.Membership{
			"u1": {ID: "m", UserID: "u1", Role: "owner", Status: organization.Active},
		}
		offered := map[string]organization.Role{}
		now := noon
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 72).Draw(t, "hours")) * time.Hour)
			actor, target := rapid.SampledFrom(people).Draw(t, "actor"), rapid.SampledFrom(people).Draw(t, "target")
			role := rapid.SampledFrom(roles).Draw(t, "role")
			f := facts(actor, "", 0)
			for _, m := range members {
				if m.Status == organization.Active && m.Role == organization.Owner {
					f.Owners++
				}
			}
			if m := members[actor]; m.Status == organization.Active {
				f.Actor.Member = m.Role
			}
			before := members[target]
			next, err := before, error(nil)
			switch rapid.SampledFrom([]string{"invite", "accept", "decline", "role", "remove"}).Draw(t, "what") {
			case "invite":
				if next, _, err = before.Invite(organization.Invite{UserID: target, Role: role}, "m", f, now); err == nil {
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
			joined := before.Status != organization.Active && next.Status == organization.Active
			if joined && next.Role != offered[target] {
				t.Fatalf("%s joined as %s, and was offered %s", target, next.Role, offered[target])
			}
			if actor == target && before.Status == organization.Active && rank[next.Role] > rank[before.Role] {
				t.Fatalf("%s rose from %s to %s", actor, before.Role, next.Role)
			}
			owners := 0
			for _, m := range members {
				if m.Status == organization.Active && m.Role == organization.Owner {
					owners++
				}
			}
			if owners == 0 {
				t.Fatal("no owner is left")
			}
		}
	})
}

func TestWhichRolesPublish(t *testing.T) {
	t.Parallel()
	for role, want := range map[organization.Role]bool{
		organization.Owner:      true,
		organization.Admin:      true,
		organization.Creator:    true,
		organization.Subscriber: false,
		organization.Member:     false,
		"":                      false,
	} {
		if role.Publishes() != want {
			t.Errorf("%q publishes: %v", role, !want)
		}
	}
}
