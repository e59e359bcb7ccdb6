package access_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/access"
)

// scenario is one user and one item, in the words of the contract.
type scenario struct {
	status     string // of the item: draft, published or archived
	deleted    bool
	accessType string
	price      int // in cents; -1 for none
	personal   bool
	viewer     string // "user", "creator" or "anonymous"
	role       string // active role in the item's organization; "" for none
	grants     []given
}

type given struct {
	source  string
	revoked bool
	ends    string // "never", "later" or "expired"
}

// reference follows the steps of the contract in their order. It returns the status of the
// response and the reason.
func reference(w scenario) (status int, reason string) {
	// Content published and not deleted, else 404. Who bought an item keeps it when it is
	// unpublished.
	withdrawn := w.deleted || w.accessType == "team" || w.accessType == "private"
	if w.status != "published" && !withdrawn && w.viewer != "anonymous" {
		for _, g := range w.grants {
			if g.source == "purchased" && !g.revoked && g.ends != "expired" {
				return 200, "grant"
			}
		}
	}
	if w.status != "published" || w.deleted {
		return 404, "not_found"
	}
	if w.viewer == "anonymous" {
		return 401, "signed_out"
	}
	sells := w.accessType == "paid" || w.accessType == "free"
	free := w.price == 0 || w.price < 0 && w.accessType == "free"
	// Price 0: any signed-in user.
	if sells && free {
		return 200, "free"
	}
	if w.viewer == "creator" {
		return 200, "creator"
	}
	role := w.role
	if w.personal {
		role = ""
	}
	management := role == "owner" || role == "admin" || role == "creator"
	// Team and private: the management only, whatever grants there are.
	if w.accessType == "team" || w.accessType == "private" {
		if management {
			return 200, "management"
		}
		return 403, "not_entitled"
	}
	limited := w.accessType == "followers" || w.accessType == "subscribers"
	if !sells && !limited && w.accessType != "members" {
		return 403, "" // an unknown access type
	}
	// Purchased: an active grant.
	for _, g := range w.grants {
		if !g.revoked && g.ends != "expired" {
			return 200, "grant"
		}
	}
	// An active member of the content's organization, whatever the role.
	if management {
		return 200, "management"
	}
	if role != "" && !limited {
		return 200, "membership"
	}
	// Denied; a viewer who had access learns how it ended.
	for _, g := range w.grants {
		if g.revoked {
			return 403, "revoked"
		}
	}
	if len(w.grants) > 0 {
		return 403, "expired"
	}
	if sells {
		return 403, "payment_required"
	}
	return 403, "not_entitled"
}

// decided is what the decision says in the same words.
func decided(w scenario) (status int, reason string) {
	c := access.Content{
		ID:             "item",
		CreatorID:      "creator",
		OrganizationID: "organization",
		Access:         access.Rule(w.accessType),
		Published:      w.status == "published",
		Deleted:        w.deleted,
	}
	if w.personal {
		c.OrganizationID = ""
	}
	if w.price >= 0 {
		c.PriceCents = pointer(int64(w.price))
	}
	v := viewer(w.role, nil)
	v.UserID = w.viewer
	if w.viewer == "anonymous" {
		v.UserID = ""
	}
	for i, g := range w.grants {
		grant := access.Grant{ID: string(rune('a' + i)), Source: access.Source(g.source)}
		if g.revoked {
			grant.RevokedAt = &now
		}
		if end, has := map[string]time.Time{"later": now.Add(time.Hour), "expired": now}[g.ends]; has {
			grant.ExpiresAt = &end
		}
		v.Grants = append(v.Grants, grant)
	}
	verdict := access.Decide(c, v, now)
	status = map[access.Reason]int{access.NotFound: 404, access.SignedOut: 401}[verdict.Reason]
	switch {
	case verdict.Allowed:
		status = 200
	case status == 0:
		status = 403
	}
	if verdict.Reason == access.ByGrant && !verdict.Grant.Live(now) {
		return status, "a dead grant"
	}
	return status, string(verdict.Reason)
}

// disagree reports whether the two say different things.
func disagree(w scenario) bool {
	status, reason := reference(w)
	got, why := decided(w)
	return got != status || (reason != "" && why != reason)
}

func anyScenario(r *rand.Rand) scenario {
	w := scenario{
		status: pick(r, "published", "published", "published", "published", "published", "published", "draft",
			"archived"),
		deleted:    r.IntN(12) == 0,
		accessType: pick(r, "free", "paid", "paid", "members", "followers", "subscribers", "team", "private", "odd"),
		price:      []int{-1, 0, 1, 2999}[r.IntN(4)],
		personal:   r.IntN(3) == 0,
		viewer:     pick(r, "user", "user", "user", "user", "user", "creator", "anonymous"),
		role:       pick(r, "", "", "owner", "admin", "creator", "subscriber", "member", "guest"),
	}
	for range max(0, r.IntN(6)-2) {
		w.grants = append(w.grants, given{
			pick(r, "purchased", "subscription", "complimentary", "preview", "odd"), r.IntN(2) == 0,
			pick(r, "never", "later", "expired"),
		})
	}
	return w
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// shrink simplifies a failing scenario as far as it still fails.
func shrink(w scenario, fails func(scenario) bool) scenario {
	for again := true; again; {
		again = false
		for _, simpler := range simplifications(w) {
			if fmt.Sprint(simpler) != fmt.Sprint(w) && fails(simpler) {
				w, again = simpler, true
				break
			}
		}
	}
	return w
}

func simplifications(w scenario) []scenario {
	var all []scenario
	try := func(change func(*scenario)) {
		next := w
		next.grants = slices.Clone(w.grants)
		change(&next)
		all = append(all, next)
	}
	for i := range w.grants {
		try(func(w *scenario) { w.grants = slices.Delete(w.grants, i, i+1) })
		try(func(w *scenario) { w.grants[i] = given{"purchased", false, "never"} })
		try(func(w *scenario) { w.grants[i].ends = "never" })
	}
	try(func(w *scenario) { w.status = "published" })
	try(func(w *scenario) { w.deleted = false })
	try(func(w *scenario) { w.viewer = "user" })
	try(func(w *scenario) { w.role = "" })
	try(func(w *scenario) { w.personal = true })
	try(func(w *scenario) { w.price = -1 })
	try(func(w *scenario) { w.accessType = "paid" })
	return all
}

var scenarios = flag.Int("scenarios", 100_000, "how many random scenarios are compared with the reference")

// TestTheDecisionAgreesWithTheReference compares the decision with the reference for random
// scenarios. A failure names the seed and the simplest scenarios that show it. For a
// million scenarios (2 s):
//
//	go test ./domain/access -run AgreesWithTheReference -scenarios 1000000
func TestTheDecisionAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 2))
	seen, failures := map[string]int{}, map[string]bool{}
	for range *scenarios {
		w := anyScenario(random)
		status, reason := reference(w)
		seen[fmt.Sprint(status, " ", reason)]++
		if disagree(w) && len(failures) < 10 {
			plain := shrink(w, disagree)
			want, because := reference(plain)
			got, why := decided(plain)
			failures[fmt.Sprintf("%+v: decided %d %s, want %d %s", plain, got, why, want, because)] = true
		}
	}
	for failure := range failures {
		t.Errorf("seed %d: %s", seed, failure)
	}
	for _, outcome := range []string{
		"404 not_found",
		"401 signed_out",
		"200 free",
		"200 creator",
		"200 grant",
		"200 management",
		"200 membership",
		"403 not_entitled",
		"403 revoked",
		"403 expired",
		"403 payment_required",
	} {
		if seen[outcome] == 0 {
			t.Errorf("no scenario with %q: %v", outcome, seen)
		}
	}
}

func TestAFailingScenarioIsShrunk(t *testing.T) {
	t.Parallel()
	w := scenario{
		status:     "draft",
		deleted:    true,
		accessType: "team",
		price:      2999,
		viewer:     "anonymous",
		role:       "guest",
		grants:     []given{{"odd", true, "expired"}, {"preview", true, "later"}, {"purchased", false, "never"}},
	}
	got := shrink(w, func(w scenario) bool {
		preview := func(g given) bool { return g.source == "preview" && g.revoked }
		return w.role == "guest" && slices.ContainsFunc(w.grants, preview)
	})
	want := scenario{
		status:     "published",
		accessType: "paid",
		price:      -1,
		personal:   true,
		viewer:     "user",
		role:       "guest",
		grants:     []given{{"preview", true, "never"}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("shrunk to %+v", got)
	}
}
