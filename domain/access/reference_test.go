package access_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/access"
)

// circumstances are one world in which one person asks to see one item, in the words
// of the contract.
type circumstances struct {
	status     string // of the item: draft, published or archived
	deleted    bool
	accessType string
	price      int // in cents; -1 for none
	personal   bool
	asking     string // "user", "creator" or "anonymous"
	role       string // active role in the item's organization; "" for none
	grants     []given
}

type given struct {
	source  string
	revoked bool
	ends    string // "never", "later" or "over"
}

// reference is the contract's order of steps, read as sentences. It returns the status
// of the answer and the reason.
func reference(w circumstances) (status int, reason string) {
	// Content published and not deleted, else 404.
	if w.status != "published" || w.deleted {
		return 404, "not_found"
	}
	if w.asking == "anonymous" {
		return 401, "signed_out"
	}
	sells := w.accessType == "paid" || w.accessType == "free"
	free := w.price == 0 || w.price < 0 && w.accessType == "free"
	// Price 0: any signed-in user.
	if sells && free {
		return 200, "free"
	}
	if w.asking == "creator" {
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
		if !g.revoked && g.ends != "over" {
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
func decided(w circumstances) (status int, reason string) {
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
	v := access.Viewer{UserID: w.asking, Role: w.role}
	if w.asking == "anonymous" {
		v.UserID = ""
	}
	for i, g := range w.grants {
		grant := access.Grant{ID: string(rune('a' + i)), Source: access.Source(g.source)}
		if g.revoked {
			grant.RevokedAt = &now
		}
		if end, has := map[string]time.Time{"later": now.Add(time.Hour), "over": now}[g.ends]; has {
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
func disagree(w circumstances) bool {
	status, reason := reference(w)
	got, why := decided(w)
	return got != status || (reason != "" && why != reason)
}

func anyCircumstances(r *rand.Rand) circumstances {
	w := circumstances{
		status:     pick(r, "published", "published", "published", "published", "published", "published", "draft", "archived"),
		deleted:    r.IntN(12) == 0,
		accessType: pick(r, "free", "paid", "paid", "members", "followers", "subscribers", "team", "private", "odd"),
		price:      []int{-1, 0, 1, 2999}[r.IntN(4)],
		personal:   r.IntN(3) == 0,
		asking:     pick(r, "user", "user", "user", "user", "user", "creator", "anonymous"),
		role:       pick(r, "", "", "owner", "admin", "creator", "subscriber", "member", "guest"),
	}
	for range max(0, r.IntN(6)-2) {
		w.grants = append(w.grants, given{
			pick(r, "purchased", "subscription", "complimentary", "preview", "odd"), r.IntN(2) == 0, pick(r, "never", "later", "over"),
		})
	}
	return w
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// shrink makes a world that fails as plain as it can be.
func shrink(w circumstances, fails func(circumstances) bool) circumstances {
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

func simplifications(w circumstances) []circumstances {
	var all []circumstances
	try := func(change func(*circumstances)) {
		next := w
		next.grants = slices.Clone(w.grants)
		change(&next)
		all = append(all, next)
	}
	for i := range w.grants {
		try(func(w *circumstances) { w.grants = slices.Delete(w.grants, i, i+1) })
		try(func(w *circumstances) { w.grants[i] = given{"purchased", false, "never"} })
		try(func(w *circumstances) { w.grants[i].ends = "never" })
	}
	try(func(w *circumstances) { w.status = "published" })
	try(func(w *circumstances) { w.deleted = false })
	try(func(w *circumstances) { w.asking = "user" })
	try(func(w *circumstances) { w.role = "" })
	try(func(w *circumstances) { w.personal = true })
	try(func(w *circumstances) { w.price = -1 })
	try(func(w *circumstances) { w.accessType = "paid" })
	return all
}

var worlds = flag.Int("worlds", 100_000, "how many random worlds TestTheDecisionAgreesWithTheReferenceInRandomWorlds looks at")

// TestTheDecisionAgreesWithTheReferenceInRandomWorlds compares the decision with the
// reference. A failure names the seed and the plainest worlds that show it. For a
// million worlds (2 s):
//
//	go test ./domain/access -run ReferenceInRandomWorlds -worlds 1000000
func TestTheDecisionAgreesWithTheReferenceInRandomWorlds(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 2))
	seen, failures := map[string]int{}, map[string]bool{}
	for range *worlds {
		w := anyCircumstances(random)
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
	for _, outcome := range strings.Split("404 not_found,401 signed_out,200 free,200 creator,200 grant,200 management,200 membership,"+
		"403 not_entitled,403 revoked,403 expired,403 payment_required", ",") {
		if seen[outcome] == 0 {
			t.Errorf("no world with %q: %v", outcome, seen)
		}
	}
}

func TestAFailingWorldIsShrunkToItsReason(t *testing.T) {
	t.Parallel()
	w := circumstances{
		status:     "draft",
		deleted:    true,
		accessType: "team",
		price:      2999,
		asking:     "anonymous",
		role:       "guest",
		grants:     []given{{"odd", true, "over"}, {"preview", true, "later"}, {"purchased", false, "never"}},
	}
	got := shrink(w, func(w circumstances) bool {
		return w.role == "guest" && slices.ContainsFunc(w.grants, func(g given) bool { return g.source == "preview" && g.revoked })
	})
	want := circumstances{
		status:     "published",
		accessType: "paid",
		price:      -1,
		personal:   true,
		asking:     "user",
		role:       "guest",
		grants:     []given{{"preview", true, "never"}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("shrunk to %+v", got)
	}
}
