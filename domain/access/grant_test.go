package access_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/events"
)

// versioned is one event of a purchase with its version.
type versioned struct {
	payload events.Payload
	version int64
}

// id is that of the event: its type and version.
func (e versioned) id() string { return fmt.Sprint(e.payload.EventType(), " ", e.version) }

func completed() events.Payload      { return &events.PurchaseCompleted{PurchaseID: "p"} }
func disputed() events.Payload       { return &events.PurchaseDisputed{PurchaseID: "p"} }
func closed(won bool) events.Payload { return &events.PurchaseDisputeClosed{PurchaseID: "p", Won: won} }

func refund(full bool) events.Payload {
	return &events.PurchaseRefunded{PurchaseID: "p", Full: full}
}

func refundWithAccess() events.Payload {
	return &events.PurchaseRefunded{PurchaseID: "p", Full: true, Access: events.AccessEnded}
}

func failedRefund() events.Payload {
	return &events.PurchaseRefundFailed{PurchaseID: "p", WasFull: true, Access: events.AccessOpen}
}

// unknown is a grant as the store makes it before the first event: not in force,
// never announced.
func unknown() access.Grant {
	return access.Grant{
		ID:        "g",
		UserID:    "u",
		ContentID: "c",
		CreatorID: "k",
		Source:    access.Purchased,
		SourceID:  "p",
		RevokedAt: &now,
	}
}

// follow applies several events to a grant and returns the types of its own events.
func follow(g access.Grant, list ...versioned) (access.Grant, []string) {
	var announced []string
	for _, e := range list {
		var payloads []events.Payload
		g, payloads = g.Follow(e.payload, e.id(), e.version, now)
		for _, p := range payloads {
			announced = append(announced, p.EventType())
		}
	}
	return g, announced
}

func TestAGrantFollowsItsPurchase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		history []versioned
		live    bool
		reason  string
		events  int64
	}{
		{"bought", []versioned{{completed(), 1}}, true, "", 1},
		{"delivered twice", []versioned{{completed(), 1}, {completed(), 1}}, true, "", 1},
		{"refunded in part", []versioned{{completed(), 1}, {refund(false), 2}}, true, "", 1},
		{"refunded in part, delivered before the purchase", []versioned{{refund(false), 2}, {completed(), 1}}, true, "", 1},
		{"refunded", []versioned{{completed(), 1}, {refund(true), 2}}, false, "refund", 2},
		{"refunded, delivered before the purchase", []versioned{{refund(true), 2}, {completed(), 1}}, false, "refund", 0},
		{
			"refunded, and the purchase delivered again",
			[]versioned{{completed(), 1}, {refund(true), 2}, {completed(), 1}},
			false, "refund", 2,
		},
		{"disputed", []versioned{{completed(), 1}, {disputed(), 2}}, false, "dispute", 2},
		{"disputed and won", []versioned{{completed(), 1}, {disputed(), 2}, {closed(true), 3}}, true, "", 3},
		{"won, delivered before the dispute", []versioned{{completed(), 1}, {closed(true), 3}, {disputed(), 2}}, true, "", 1},
		{"won, delivered before anything", []versioned{{closed(true), 3}, {disputed(), 2}, {completed(), 1}}, true, "", 1},
		{"disputed and lost", []versioned{{completed(), 1}, {disputed(), 2}, {closed(false), 3}}, false, "dispute", 2},
		{
			"lost, and the purchase delivered again",
			[]versioned{{closed(false), 3}, {completed(), 1}, {disputed(), 2}},
			false, "dispute", 0,
		},
		{
			"won after a full refund",
			[]versioned{{completed(), 1}, {refund(true), 2}, {disputed(), 3}, {closed(true), 4}},
			false, "refund", 2,
		},
		{
			"won, and the refund delivered late",
			[]versioned{{completed(), 1}, {disputed(), 2}, {closed(true), 4}, {refund(true), 3}},
			false, "refund", 4,
		},
		{
			"a refund that failed",
			[]versioned{{completed(), 1}, {refund(true), 2}, {failedRefund(), 3}},
			true, "", 3,
		},
		{
			"a refund that failed, delivered before it",
			[]versioned{{completed(), 1}, {failedRefund(), 3}, {refundWithAccess(), 2}},
			true, "", 1,
		},
		{
			"disputed again after a won one",
			[]versioned{{completed(), 1}, {disputed(), 2}, {closed(true), 3}, {disputed(), 4}},
			false, "dispute", 4,
		},
	} {
		g, announced := follow(unknown(), c.history...)
		if g.Live(now) != c.live || g.RevokedReason != c.reason || g.Version != c.events || len(announced) != int(c.events) {
			t.Errorf("%s: live %v for %q at version %d after %v", c.name, g.Live(now), g.RevokedReason, g.Version, announced)
		}
	}
}

func TestAGrantKeepsTheEventOfItsState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want    versioned
		history []versioned
	}{
		{versioned{completed(), 1}, []versioned{{completed(), 1}}},
		{versioned{completed(), 1}, []versioned{{completed(), 1}, {closed(true), 3}, {disputed(), 2}}},
		{versioned{disputed(), 2}, []versioned{{completed(), 1}, {disputed(), 2}, {closed(false), 3}}},
		{versioned{closed(true), 3}, []versioned{{completed(), 1}, {disputed(), 2}, {closed(true), 3}}},
		{versioned{refund(true), 3}, []versioned{{completed(), 1}, {disputed(), 2}, {refund(true), 3}}},
		{versioned{refund(true), 2}, []versioned{{refund(true), 2}, {completed(), 1}}},
	} {
		if g, _ := follow(unknown(), c.history...); g.SourceEventID != c.want.id() {
			t.Errorf("%v: %s, want %s", c.history, g.SourceEventID, c.want.id())
		}
	}
	if g, _ := follow(unknown()); g.SourceEventID != "" {
		t.Errorf("before any event: %s", g.SourceEventID)
	}
}

func TestAPartialRefundHasNoEffectOnAccess(t *testing.T) {
	t.Parallel()
	if _, _, _, ok := access.PurchaseOf(refund(false)); ok {
		t.Error("a partial refund must not reach the grant")
	}
	if id, _, _, ok := access.PurchaseOf(refund(true)); !ok || id != "p" {
		t.Error("a full refund must reach the grant")
	}
	if _, _, _, ok := access.PurchaseOf(&events.ContentDeleted{}); ok {
		t.Error("other events must not reach the grant")
	}
}

func TestTheEventsOfAGrantNameIt(t *testing.T) {
	t.Parallel()
	g := unknown()
	g.OrganizationID = "o"
	g, payloads := g.Follow(completed(), "e", 1, now)
	if want := (events.AccessGranted{
		GrantID:        "g",
		UserID:         "u",
		ContentID:      "c",
		OrganizationID: "o",
		SourceType:     "purchased",
		SourceID:       "p",
	}); payloads[0] != want {
		t.Errorf("granted %+v", payloads[0])
	}
	_, payloads = g.Follow(disputed(), "e", 2, now)
	if want := (events.AccessRevoked{
		GrantID:    "g",
		UserID:     "u",
		ContentID:  "c",
		SourceType: "purchased",
		SourceID:   "p",
		Reason:     "dispute",
	}); payloads[0] != want {
		t.Errorf("revoked %+v", payloads[0])
	}
	if g.Tenant() != "o" || unknown().Tenant() != "k" {
		t.Errorf("tenants %q and %q", g.Tenant(), unknown().Tenant())
	}
}

// TestAnyOrderOfDeliveryLeadsToTheSameGrant makes up the history of a purchase,
// delivers it in any order with repetitions, and compares with the history read
// from front to back.
func TestAnyOrderOfDeliveryLeadsToTheSameGrant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		history, paid := anyHistory(t)
		delivered := append([]versioned{}, history...)
		for range rapid.IntRange(0, 3).Draw(t, "repeated") {
			delivered = append(delivered, rapid.SampledFrom(history).Draw(t, "again"))
		}
		delivered = rapid.Permutation(delivered).Draw(t, "order")
		g := unknown()
		ended := false
		for _, e := range delivered {
			before := g
			var payloads []events.Payload
			g, payloads = g.Follow(e.payload, e.id(), e.version, now)
			if g.Version != before.Version+int64(len(payloads)) {
				t.Fatalf("version %d after %d with %d events", g.Version, before.Version, len(payloads))
			}
			ended = ended || g.SourceEnded
			if ended && g.Live(now) {
				t.Fatalf("live after its end: %+v", g)
			}
		}
		if g.Live(now) != paid {
			t.Fatalf("live is %v, the history says %v\n%+v", g.Live(now), paid, delivered)
		}
	})
}

// anyHistory returns the events of a purchase as they were decided, and whether it
// gives access at the end.
func anyHistory(t *rapid.T) (history []versioned, paid bool) {
	add := func(p events.Payload) { history = append(history, versioned{p, int64(len(history) + 1)}) }
	add(completed())
	fullyRefunded, lost, open := false, false, false
	for range rapid.IntRange(0, 6).Draw(t, "length") {
		switch rapid.IntRange(0, 3).Draw(t, "what") {
		case 0:
			if !fullyRefunded {
				fullyRefunded = rapid.IntRange(0, 2).Draw(t, "full") == 0
				add(refund(fullyRefunded))
			}
		case 1:
			if !open && !lost {
				open = true
				add(disputed())
			}
		default:
			if open {
				open = false
				lost = rapid.IntRange(0, 3).Draw(t, "lost") == 0
				add(closed(!lost))
			}
		}
	}
	return history, !fullyRefunded && !lost && !open
}

// TestTheNewestEventSaysWhichAccessTheGrantGives delivers events that say which access the
// purchase gives, as all do that are emitted now, in any order and with repetitions.
func TestTheNewestEventSaysWhichAccessTheGrantGives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		state := rapid.SampledFrom([]string{events.AccessOpen, events.AccessSuspended, events.AccessEnded})
		states := rapid.SliceOfN(state, 1, 8).Draw(t, "states")
		var history []versioned
		for i, state := range states {
			var p events.Payload
			switch rapid.IntRange(0, 3).Draw(t, "type") {
			case 0:
				p = &events.PurchaseRefunded{PurchaseID: "p", Full: true, Access: state}
			case 1:
				p = &events.PurchaseRefundFailed{PurchaseID: "p", Access: state}
			case 2:
				p = &events.PurchaseDisputed{PurchaseID: "p", Access: state}
			default:
				p = &events.PurchaseDisputeClosed{PurchaseID: "p", Won: rapid.Bool().Draw(t, "won"), Access: state}
			}
			if i == 0 {
				p = &events.PurchaseCompleted{PurchaseID: "p", Access: state}
			}
			history = append(history, versioned{p, int64(i + 1)})
		}
		inOrder, _ := follow(unknown(), history...)
		delivered := append([]versioned{}, history...)
		for range rapid.IntRange(0, 3).Draw(t, "repeated") {
			delivered = append(delivered, rapid.SampledFrom(history).Draw(t, "again"))
		}
		g, _ := follow(unknown(), rapid.Permutation(delivered).Draw(t, "order")...)
		last := states[len(states)-1]
		if g.Live(now) != (last == events.AccessOpen) || g.RevokedReason != inOrder.RevokedReason {
			t.Fatalf("live %v for %q, the newest event says %s and in order it is %q",
				g.Live(now), g.RevokedReason, last, inOrder.RevokedReason)
		}
	})
}

func TestAGrantWithoutEventsCanBeRevoked(t *testing.T) {
	t.Parallel()
	inserted := unknown()
	inserted.RevokedAt = nil // by hand
	g, announced := follow(inserted, versioned{completed(), 1}, versioned{refund(true), 2})
	if g.Live(now) || len(announced) != 1 || announced[0] != "access.revoked" || g.Version != 1 {
		t.Errorf("%+v announced %v", g, announced)
	}
}

func TestAGrantExpiresAtItsTime(t *testing.T) {
	t.Parallel()
	g := access.Grant{ExpiresAt: pointer(now)}
	if g.Live(now) || !g.Live(now.Add(-time.Nanosecond)) {
		t.Error("a grant is live until, and not at, its end")
	}
}
