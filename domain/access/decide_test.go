package access_test

import (
	"slices"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/organization"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func pointer[T any](v T) *T { return &v }

func item(rule access.Rule, price *int64) access.Content {
	return access.Content{
		ID:             "c",
		CreatorID:      "maker",
		OrganizationID: "org",
		Access:         rule,
		PriceCents:     price,
		Published:      true,
	}
}

// viewer is a user with a role in the organization of the item, "" for none.
func viewer(role string, grants []access.Grant) access.Viewer {
	return access.Viewer{
		UserID:    "viewer",
		Role:      role,
		Publishes: organization.Role(role).Publishes(),
		Grants:    grants,
	}
}

func grant(source access.Source, change func(*access.Grant)) access.Grant {
	g := access.Grant{
		ID:        "g",
		UserID:    "viewer",
		ContentID: "c",
		Source:    source,
		SourceID:  "s",
	}
	if change != nil {
		change(&g)
	}
	return g
}

func TestTheRulesDecideWhoSeesAnItem(t *testing.T) {
	t.Parallel()
	price := pointer(int64(2999))
	bought := []access.Grant{grant(access.Purchased, nil)}
	refund := func(g *access.Grant) { g.RevokedAt, g.RevokedReason = &now, access.ForRefund }
	refunded := []access.Grant{grant(access.Purchased, refund)}
	alsoGiven := append(slices.Clone(refunded), grant(access.Complimentary, nil))
	over := []access.Grant{grant(access.Complimentary, func(g *access.Grant) { g.ExpiresAt = &now })}
	var none []access.Grant
	for _, c := range []struct {
		name    string
		content access.Content
		role    string
		grants  []access.Grant
		want    access.Reason
	}{
		{"free for any user", item(access.Free, nil), "", none, access.ByFree},
		{"free with the price 0", item(access.Free, pointer(int64(0))), "", none, access.ByFree},
		{"for sale at 0 is free", item(access.Paid, pointer(int64(0))), "", none, access.ByFree},
		{"for sale without a price is not free", item(access.Paid, nil), "", none, access.PaymentRequired},
		{"free with a price is for sale", item(access.Free, price), "", none, access.PaymentRequired},
		{"paid, without a grant", item(access.Paid, price), "", none, access.PaymentRequired},
		{"paid, bought", item(access.Paid, price), "", bought, access.ByGrant},
		{"paid, refunded", item(access.Paid, price), "", refunded, access.Revoked},
		{"paid, refunded, but also given", item(access.Paid, price), "", alsoGiven, access.ByGrant},
		{"paid, refunded, but a member", item(access.Paid, price), "member", refunded, access.ByMembership},
		{"paid, a gift that ran out", item(access.Paid, price), "", over, access.Expired},
		{"paid, a member", item(access.Paid, price), "member", none, access.ByMembership},
		{"paid, a subscriber of the organization", item(access.Paid, price), "subscriber", none, access.ByMembership},
		{"paid, its owner", item(access.Paid, price), "owner", none, access.ByManagement},
		{"members, without a grant", item(access.Members, nil), "", none, access.NotEntitled},
		{"members, a member", item(access.Members, nil), "member", none, access.ByMembership},
		{"members, with a grant", item(access.Members, nil), "", bought, access.ByGrant},
		{"private, a member", item(access.Private, nil), "member", none, access.NotEntitled},
		{"private, bought before", item(access.Private, price), "", bought, access.NotEntitled},
		{"private, an admin", item(access.Private, nil), "admin", none, access.ByManagement},
		{"team, a member", item(access.Team, nil), "member", none, access.NotEntitled},
		{"team, a subscriber", item(access.Team, nil), "subscriber", none, access.NotEntitled},
		{"team, a creator of the organization", item(access.Team, nil), "creator", none, access.ByManagement},
		{"followers, without a grant", item(access.Followers, nil), "", none, access.NotEntitled},
		{"followers, a member", item(access.Followers, nil), "member", none, access.NotEntitled},
		{"followers, an admin", item(access.Followers, nil), "admin", none, access.ByManagement},
		{"subscribers, without a grant", item(access.Subscribers, nil), "", none, access.NotEntitled},
		{"subscribers, with a grant", item(access.Subscribers, nil), "", bought, access.ByGrant},
		{"an unknown rule", item("unknown", nil), "owner", bought, access.NotEntitled},
	} {
		got := access.Decide(c.content, viewer(c.role, c.grants), now)
		if got.Reason != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.Reason, c.want)
		}
		if got.Allowed != (got.Err() == nil) {
			t.Errorf("%s: allowed %v, but the error is %v", c.name, got.Allowed, got.Err())
		}
		if err := got.Err(); err != nil && !domain.IsClass(err, domain.Forbidden) {
			t.Errorf("%s: denied with %v", c.name, err)
		}
	}
}

func TestUnpublishedItemsDoNotExist(t *testing.T) {
	t.Parallel()
	draft, deleted := item(access.Free, nil), item(access.Free, nil)
	draft.Published, deleted.Deleted = false, true
	for _, c := range []access.Content{draft, deleted, {}} {
		for _, user := range []string{"", "viewer", "maker"} {
			got := access.Decide(c, access.Viewer{UserID: user, Role: "owner", Publishes: true}, now)
			if got.Allowed || !domain.IsClass(got.Err(), domain.NotFound) {
				t.Errorf("%+v for %q: %+v", c, user, got)
			}
		}
	}
}

func TestTheCreatorSeesALiveItemUnderEveryRule(t *testing.T) {
	t.Parallel()
	rules := []access.Rule{
		access.Paid, access.Members, access.Private, access.Team, access.Followers, access.Subscribers, "unknown",
	}
	for _, rule := range rules {
		if got := access.Decide(item(rule, nil), access.Viewer{UserID: "maker"}, now); got.Reason != access.ByCreator {
			t.Errorf("%s: %+v", rule, got)
		}
	}
}

func TestAnonymousViewersSeeNothing(t *testing.T) {
	t.Parallel()
	c := item(access.Free, nil)
	c.CreatorID = "" // a deleted creator must not match an anonymous viewer
	if got := access.Decide(c, access.Viewer{}, now); got.Allowed || !domain.IsClass(got.Err(), domain.Unauthorized) {
		t.Errorf("%+v", got)
	}
}

func TestOfSeveralLiveGrantsThePurchaseIsNamed(t *testing.T) {
	t.Parallel()
	grants := []access.Grant{
		grant(access.Preview, func(g *access.Grant) { g.ID = "a" }),
		grant(access.Purchased, func(g *access.Grant) { g.ID = "z" }),
		grant(access.Purchased, func(g *access.Grant) { g.ID = "y"; g.RevokedAt = &now }),
		grant("unknown", func(g *access.Grant) { g.ID = "0" }),
	}
	got := access.Decide(item(access.Paid, pointer(int64(1))), access.Viewer{UserID: "viewer", Grants: grants}, now)
	if got.Grant == nil || got.Grant.ID != "z" {
		t.Errorf("named %+v", got.Grant)
	}
}
