package streaming_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/streaming"
)

// handle applies one event to the projection, in an order that a test chooses, and
// returns the facts that follow and their types.
func (w *harness) handle(p purchase, payload events.Payload, version int64) (types []string, facts []events.Fact) {
	w.Helper()
	e, err := reactions.NewEvent(w.event(p, payload, version))
	if err != nil {
		w.Fatal(err)
	}
	err = pgx.BeginFunc(context.Background(), w.Pool, func(tx pgx.Tx) error {
		return w.projection(access.GrantProjection).Apply(context.Background(), tx, []reactions.Event{e})
	})
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range e.Emitted() {
		types = append(types, f.Payload.EventType())
	}
	return types, e.Emitted()
}

// projection returns a projection of the module.
func (w *harness) projection(name string) reactions.Projection {
	w.Helper()
	for _, p := range w.module.Projections {
		if p.Name == name {
			return p
		}
	}
	w.Fatalf("no projection %q", name)
	return reactions.Projection{}
}

const liveGrants = `SELECT count(*) FROM content_access WHERE user_id = $1 AND content_id = $2 AND deleted_at IS NULL`

func TestAPurchaseGrantsAccessAndARefundRevokesIt(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{objects: brokenObjects{}})
	f := w.film(w.Organization())
	w.Exec(`UPDATE media_items SET waveform_key = NULL`)
	v := w.signIn()
	p := v.buy(f)
	v.stream(f, "").Want(http.StatusForbidden, "ACCESS_DENIED")

	bought := w.publish(p, p.completed(), 1)
	w.Eventually(1, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'access' AND event_id = $1`, bought.ID)
	v.opened(f, "")
	partial := w.publish(p, p.refunded(false), 2)
	w.Eventually(1, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'access' AND event_id = $1`, partial.ID)
	v.opened(f, "")
	full := w.publish(p, p.refunded(true), 3)
	w.Eventually(1, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'access' AND event_id = $1`, full.ID)
	denied := v.stream(f, "").Want(http.StatusForbidden, "ACCESS_DENIED")
	if !strings.Contains(denied.Body, `"revokedReason":"refund"`) {
		t.Errorf("refunded %s", denied.Body)
	}
	n := w.Number(`
SELECT count(*) FROM outbox WHERE tenant = $1 AND aggregate_id = (SELECT id::text FROM content_access)
   AND (type, version, causation_id) IN (('access.granted', 1, $2::text), ('access.revoked', 2, $3::text))`,
		f.organization, bought.ID, full.ID)
	if n != 2 {
		t.Errorf("%d of the two events of the grant are correct", n)
	}
	// A second purchase is a new source, independent of the first.
	again := v.buy(f)
	w.publish(again, again.completed(), 1)
	w.Eventually(1, liveGrants, v.id, f.id)
	v.opened(f, "")
}

func TestRefundBeforeCompletionGrantsNothing(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{}})
	f := w.film("")
	v := w.signIn()
	p := v.buy(f)
	for _, step := range []struct {
		payload events.Payload
		version int64
	}{{p.refunded(true), 2}, {p.completed(), 1}, {p.completed(), 1}} {
		if types, _ := w.handle(p, step.payload, step.version); types != nil {
			t.Errorf("%s led to %v", step.payload.EventType(), types)
		}
	}
	if n := w.Number(liveGrants, v.id, f.id); n != 0 {
		t.Errorf("%d live grants", n)
	}
}

func TestADisputeSuspendsAccessUntilItIsDecided(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{}})
	f := w.film("")
	for _, c := range []struct {
		name string
		won  bool
		end  string
		live int
	}{{"won", true, "access.granted", 1}, {"lost", false, "", 0}} {
		v := w.signIn()
		p := v.buy(f)
		w.handle(p, p.completed(), 1)
		types, facts := w.handle(p, p.disputed(), 2)
		if len(types) != 1 || types[0] != "access.revoked" || facts[0].Tenant != f.creator || facts[0].Version != 2 {
			t.Errorf("%s: the dispute led to %+v", c.name, facts)
		}
		v.stream(f, "").Want(http.StatusForbidden, "ACCESS_DENIED")
		if types, _ := w.handle(p, p.closed(c.won), 3); strings.Join(types, " ") != c.end {
			t.Errorf("%s: its end led to %v", c.name, types)
		}
		w.handle(p, p.completed(), 1) // redelivered late
		w.handle(p, p.disputed(), 2)
		if n := w.Number(liveGrants, v.id, f.id); n != c.live {
			t.Errorf("%s: %d live grants", c.name, n)
		}
	}
}

func TestARefundLeavesOtherSourcesAlone(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{}})
	f, other := w.film(""), w.film("")
	w.Exec(`UPDATE media_items SET waveform_key = NULL`)
	v := w.signIn()
	f.grantTo(v)
	p, q := v.buy(f), v.buy(other)
	w.handle(p, p.completed(), 1)
	w.handle(q, q.completed(), 1)
	w.handle(p, p.refunded(true), 2)
	if n := w.Number(`SELECT count(*) FROM content_access WHERE user_id = $1 AND deleted_at IS NULL`, v.id); n != 2 {
		t.Errorf("%d live grants, want the gift and the other purchase", n)
	}
	v.opened(f, "")
	v.opened(other, "")
}

func TestAnEventOfAnUnknownUserIsSkipped(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{}})
	p := purchase{uuid.NewString(), "unknown", w.film("")}
	if types, _ := w.handle(p, p.completed(), 1); types != nil {
		t.Errorf("led to %v", types)
	}
}

// explained asks for a decision; about is "" for the viewer.
func (v viewer) explained(f film, about string) streaming.Decision {
	v.Helper()
	return handlertest.Decode[single[streaming.Decision]](v.decision(f, about).Want(http.StatusOK, "")).Data
}

func (v viewer) decision(f film, about string) answer {
	v.Helper()
	path := "/api/access/content/" + f.id + "/decision"
	if about != "" {
		path += "?userId=" + about
	}
	return v.ask(http.MethodGet, path, "")
}

func TestADecisionIsExplained(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{objects: brokenObjects{}})
	f := w.film(w.Organization())
	v := w.signIn()
	if d := v.explained(f, ""); d.Allowed || d.Decision != "deny" || d.Reason != "payment_required" || d.Rule != "paid" ||
		len(d.Grants) != 0 || d.GrantID != nil || d.UserID != v.id || d.ContentID != f.id {
		t.Errorf("without a grant: %+v", d)
	}
	p := v.buy(f)
	bought := w.publish(p, p.completed(), 1)
	w.Eventually(1, liveGrants, v.id, f.id)
	d := v.explained(f, "")
	if !d.Allowed || d.Decision != "allow" || d.Reason != "grant" || len(d.Grants) != 1 {
		t.Fatalf("a buyer: %+v", d)
	}
	if g := d.Grants[0]; d.GrantID == nil || *d.GrantID != g.ID || g.State != "live" || g.Source != "purchased" ||
		g.SourceID != p.id || g.SourceEventID == nil || *g.SourceEventID != bought.ID {
		t.Errorf("a buyer's grant: %+v", g)
	}
	disputed := w.publish(p, p.disputed(), 2)
	w.Eventually(0, liveGrants, v.id, f.id)
	d = v.explained(f, "")
	if d.Allowed || d.Reason != "revoked" || len(d.Grants) != 1 {
		t.Fatalf("a disputing buyer: %+v", d)
	}
	if g := d.Grants[0]; g.State != "revoked" || *g.RevokedReason != "dispute" || g.RevokedAt == nil ||
		*g.SourceEventID != disputed.ID || g.SourceVersion != 2 {
		t.Errorf("a disputing buyer's grant: %+v", g)
	}
	w.Exec(`
INSERT INTO content_access (user_id, content_id, access_type, source_id, expires_at) VALUES
    ($1, $2, 'complimentary', 'expired', now() - interval '1 day'),
    ($1, $2, 'preview', 'limited', now() + interval '1 day')`, v.id, f.id)
	d = v.explained(f, "")
	states := map[string]string{}
	for _, g := range d.Grants {
		states[g.SourceID] = string(g.State)
		if g.Source != "purchased" && (g.SourceEventID != nil || g.ExpiresAt == nil) {
			t.Errorf("a grant by hand: %+v", g)
		}
	}
	want := map[string]string{"expired": "expired", "limited": "live", p.id: "revoked"}
	if !d.Allowed || !maps.Equal(states, want) {
		t.Errorf("with gifts: %v, %+v", states, d)
	}
	if got := w.get("/api/access/content/" + f.id + "/decision"); got.Status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got.Status)
	}
}

func TestAGrantKeepsTheIDOfItsEventAfterTheOutboxIsCleaned(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{objects: brokenObjects{}})
	f := w.film("")
	v := w.signIn()
	p := v.buy(f)
	bought := w.publish(p, p.completed(), 1)
	w.Eventually(1, liveGrants, v.id, f.id)
	partition := handlertest.Value[string](w.Harness, `SELECT DISTINCT tableoid::regclass::text FROM outbox`)
	w.Exec(`DROP TABLE ` + partition)
	if n := w.Number(`SELECT count(*) FROM outbox`); n != 0 {
		t.Fatalf("the outbox still holds %d events", n)
	}
	if g := v.explained(f, "").Grants; len(g) != 1 || g[0].SourceEventID == nil || *g[0].SourceEventID != bought.ID {
		t.Errorf("%+v, want event %s", g, bought.ID)
	}
}

func TestOnlyTheManagementGetsDecisionsAboutOthers(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{readOnly: true, objects: brokenObjects{}})
	f := w.film(w.Organization())
	personal := w.film("")
	buyer := w.signIn()
	f.grantTo(buyer)
	personal.grantTo(buyer)
	creator := viewer{w, f.creator, w.Session(f.creator)}
	owner, admin, member := w.signIn(), w.signIn(), w.signIn()
	colleague, former, foreign := w.signIn(), w.signIn(), w.signIn()
	owner.join(f.organization, "owner")
	admin.join(f.organization, "admin")
	member.join(f.organization, "member")
	colleague.join(f.organization, "creator")
	former.join(f.organization, "owner")
	w.Exec(`UPDATE organization_memberships SET status = 'inactive' WHERE user_id = $1`, former.id)
	foreign.join(w.Organization(), "owner")
	for name, v := range map[string]viewer{
		"the creator": creator,
		"an owner":    owner,
		"an admin":    admin,
		"the buyer":   buyer,
	} {
		if d := v.explained(f, buyer.id); !d.Allowed || d.Reason != "grant" || d.UserID != buyer.id || len(d.Grants) != 1 {
			t.Errorf("%s gets %+v", name, d)
		}
	}
	unknown := film{id: uuid.NewString()}
	for name, v := range map[string]viewer{
		"a member":        member,
		"another creator": colleague,
		"a former owner":  former,
		"a foreign owner": foreign,
		"another user":    w.signIn(),
	} {
		got := v.decision(f, buyer.id).Want(http.StatusNotFound, "NOT_FOUND")
		if none := v.decision(unknown, buyer.id).Want(http.StatusNotFound, "NOT_FOUND"); got.Body != none.Body {
			t.Errorf("%s can distinguish it from an unknown item: %s", name, got.Body)
		}
	}
	owner.decision(personal, buyer.id).Want(http.StatusNotFound, "NOT_FOUND")
	owner.decision(f, "unknown").Want(http.StatusNotFound, "NOT_FOUND")
	owner.decision(f, "un/known").Want(http.StatusBadRequest, "VALIDATION_ERROR")
	if d := owner.explained(f, member.id); !d.Allowed || d.Reason != "membership" {
		t.Errorf("about a member: %+v", d)
	}
	// A draft exists for the management only; a deleted item does not exist.
	w.Exec(`UPDATE content SET status = 'draft' WHERE id = $1`, f.id)
	if d := admin.explained(f, buyer.id); d.Allowed || d.Reason != "not_found" {
		t.Errorf("about a draft: %+v", d)
	}
	buyer.decision(f, "").Want(http.StatusNotFound, "NOT_FOUND")
	w.Exec(`UPDATE content SET deleted_at = now() WHERE id = $1`, f.id)
	creator.decision(f, "").Want(http.StatusNotFound, "NOT_FOUND")
}

func TestProgressOnlyMovesForward(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{objects: brokenObjects{}})
	f := w.film("")
	v := w.signIn()
	f.grantTo(v)
	path := "/api/access/content/" + f.id + "/progress"
	progress := func() *streaming.Progress {
		got := v.ask(http.MethodGet, path, "").Want(http.StatusOK, "")
		return handlertest.Decode[single[streaming.ProgressAnswer]](got).Data.Progress
	}
	if p := progress(); p != nil {
		t.Fatalf("before the first report: %+v", p)
	}
	for _, step := range []struct {
		body      string
		position  int
		completed bool
	}{
		{`{"positionSeconds":0,"durationSeconds":100}`, 0, false},
		{`{"positionSeconds":40,"durationSeconds":100}`, 40, false},
		{`{"positionSeconds":10,"durationSeconds":100}`, 40, false},
		{`{"positionSeconds":94,"durationSeconds":100,"completed":false}`, 94, false},
		{`{"positionSeconds":95,"durationSeconds":100}`, 95, true},
		{`{"positionSeconds":1,"durationSeconds":100}`, 95, true},
		{`{"positionSeconds":150,"durationSeconds":100}`, 150, true},
	} {
		if got := v.ask(http.MethodPost, path, step.body); got.Status != http.StatusNoContent || got.Body != "" {
			t.Fatalf("%s: %d %s", step.body, got.Status, got.Body)
		}
		p := progress()
		if p == nil || p.PositionSeconds != step.position || p.Completed != step.completed || p.DurationSeconds != 100 {
			t.Errorf("after %s: %+v", step.body, p)
		}
	}
	for eventType, want := range map[string]int{
		"playback.started":    1,
		"playback.progressed": 4,
		"playback.completed":  1,
	} {
		n := w.Number(`
SELECT count(*) FROM outbox
WHERE type = $1 AND tenant = $2 AND aggregate_id = (SELECT id::text FROM video_playback)`, eventType, f.creator)
		if n != want {
			t.Errorf("%d events %s, want %d", n, eventType, want)
		}
	}
	if n := w.Number(`SELECT version FROM video_playback`); n != 6 {
		t.Errorf("version %d, want 6", n)
	}
}

func TestProgressNeedsAccessWhenItIsApplied(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{objects: brokenObjects{}})
	f := w.film("")
	v := w.signIn()
	path := "/api/access/content/" + f.id + "/progress"
	const report = `{"positionSeconds":40,"durationSeconds":100}`
	v.ask(http.MethodPost, path, report).Want(http.StatusForbidden, "ACCESS_DENIED")
	unknown := "/api/access/content/" + uuid.NewString() + "/progress"
	v.ask(http.MethodPost, unknown, report).Want(http.StatusNotFound, "NOT_FOUND")
	f.grantTo(v)
	if got := v.ask(http.MethodPost, path, report); got.Status != http.StatusNoContent {
		t.Fatalf("with a grant: %d %s", got.Status, got.Body)
	}
	w.Exec(`UPDATE content_access SET deleted_at = now()`)
	v.ask(http.MethodPost, path, report).Want(http.StatusForbidden, "ACCESS_DENIED")
	if n := w.Number(`SELECT position_seconds FROM video_playback`); n != 40 {
		t.Errorf("position %d after the access ended", n)
	}
	for _, body := range []string{
		``,
		`{}`,
		`{"positionSeconds":1}`,
		`{"positionSeconds":-1,"durationSeconds":1}`,
		`{"positionSeconds":1,"durationSeconds":0}`,
		`{"positionSeconds":1.5,"durationSeconds":2}`,
		`{"positionSeconds":"1","durationSeconds":2}`,
		`{"positionSeconds":3000000000,"durationSeconds":2}`,
		`{"positionSeconds":1,"durationSeconds":2,"contentId":"` + f.id + `"}`,
		`{"positionSeconds":1,"durationSeconds":2,"userId":"x"}`,
	} {
		v.ask(http.MethodPost, path, body).Want(http.StatusBadRequest, "VALIDATION_ERROR")
	}
}

func TestAnUnreadableReportDelaysNoOther(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{objects: brokenObjects{}})
	f := w.film("")
	v := w.signIn()
	f.grantTo(v)
	for _, c := range []struct {
		name, payload string
		status        int
	}{
		{"playback.rewind", `{}`, http.StatusInternalServerError},
		{access.CommandRecordPlayback, `{"contentId":7}`, http.StatusInternalServerError},
		{access.CommandRecordPlayback, `{"contentId":"x","positionSeconds":1,"durationSeconds":2}`, http.StatusBadRequest},
	} {
		reply, err := w.Dispatcher.Send(t.Context(), events.Command{
			ID:          uuid.NewString(),
			Type:        c.name,
			ActorID:     v.id,
			AggregateID: uuid.NewString(),
			Payload:     []byte(c.payload),
			IssuedAt:    time.Now(),
		})
		if err != nil || reply.Status != c.status {
			t.Errorf("%s %s: %+v, %v", c.name, c.payload, reply, err)
		}
	}
	got := v.ask(http.MethodPost, "/api/access/content/"+f.id+"/progress", `{"positionSeconds":1,"durationSeconds":2}`)
	if got.Status != http.StatusNoContent {
		t.Errorf("the next one: %d %s", got.Status, got.Body)
	}
}
