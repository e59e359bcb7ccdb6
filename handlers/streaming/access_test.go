package streaming_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/reactions"
	"github.com/codex-platform/codex/handlers/wire"
)

// handle lets the reaction handle one event, in an order that a test chooses, and
// returns the types of the events that follow.
func (w *world) handle(t *testing.T, p purchase, payload events.Payload, version int64) (types []string, facts []events.Fact) {
	t.Helper()
	e := p.event(t, payload, version)
	decoded, err := e.Decode()
	if err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(context.Background(), w.pool, func(tx pgx.Tx) error {
		facts, err = reactions.Access(w.now).Handle(context.Background(), tx, e, decoded)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range facts {
		types = append(types, f.Payload.EventType())
	}
	return types, facts
}

const liveGrants = `SELECT count(*) FROM content_access WHERE user_id = $1 AND content_id = $2 AND deleted_at IS NULL`

func TestAPurchaseOpensAndARefundCloses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{objects: brokenObjects{}})
	f := w.film(t, w.organization(t))
	w.exec(t, `UPDATE media_items SET waveform_key = NULL`)
	v := w.signIn(t)
	p := v.buy(f)
	v.stream(t, f, "").want(t, http.StatusForbidden, "ACCESS_DENIED")

	bought := w.publish(t, p, p.completed(), 1)
	w.eventually(t, 1, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'access' AND event_id = $1`, bought.ID)
	v.opened(t, f, "")
	partial := w.publish(t, p, p.refunded(false), 2)
	w.eventually(t, 1, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'access' AND event_id = $1`, partial.ID)
	v.opened(t, f, "")
	full := w.publish(t, p, p.refunded(true), 3)
	w.eventually(t, 1, `SELECT count(*) FROM reaction_inbox WHERE reaction = 'access' AND event_id = $1`, full.ID)
	if got := v.stream(t, f, "").want(t, http.StatusForbidden, "ACCESS_DENIED"); !strings.Contains(got.body, `"revokedReason":"refund"`) {
		t.Errorf("refunded %s", got.body)
	}
	if n := w.number(t, `SELECT count(*) FROM outbox WHERE tenant = $1 AND aggregate_id = (SELECT id::text FROM content_access)
		AND (type, version, causation_id) IN (('access.granted', 1, $2::text), ('access.revoked', 2, $3::text))`, f.organization, bought.ID, full.ID); n != 2 {
		t.Errorf("%d of the two events of the grant are as they should be", n)
	}
	// Bought again: a new source, whatever became of the first.
	again := v.buy(f)
	w.publish(t, again, again.completed(), 1)
	w.eventually(t, 1, liveGrants, v.id, f.id)
	v.opened(t, f, "")
}

func TestRefundBeforeCompletionGrantsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true, objects: brokenObjects{}})
	f := w.film(t, "")
	v := w.signIn(t)
	p := v.buy(f)
	for _, step := range []struct {
		payload events.Payload
		version int64
	}{{p.refunded(true), 2}, {p.completed(), 1}, {p.completed(), 1}} {
		if types, _ := w.handle(t, p, step.payload, step.version); types != nil {
			t.Errorf("%s led to %v", step.payload.EventType(), types)
		}
	}
	if n := w.number(t, liveGrants, v.id, f.id); n != 0 {
		t.Errorf("%d live grants", n)
	}
}

func TestADisputeSuspendsUntilItIsDecided(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true, objects: brokenObjects{}})
	f := w.film(t, "")
	for _, c := range []struct {
		name string
		won  bool
		end  string
		live int
	}{{"won", true, "access.granted", 1}, {"lost", false, "", 0}} {
		v := w.signIn(t)
		p := v.buy(f)
		w.handle(t, p, p.completed(), 1)
		if types, facts := w.handle(t, p, p.disputed(), 2); len(types) != 1 || types[0] != "access.revoked" || facts[0].Tenant != f.creator || facts[0].Version != 2 {
			t.Errorf("%s: the dispute led to %+v", c.name, facts)
		}
		v.stream(t, f, "").want(t, http.StatusForbidden, "ACCESS_DENIED")
		if types, _ := w.handle(t, p, p.closed(c.won), 3); strings.Join(types, " ") != c.end {
			t.Errorf("%s: its end led to %v", c.name, types)
		}
		w.handle(t, p, p.completed(), 1) // told again, late
		w.handle(t, p, p.disputed(), 2)
		if n := w.number(t, liveGrants, v.id, f.id); n != c.live {
			t.Errorf("%s: %d live grants", c.name, n)
		}
	}
}

func TestARefundLeavesOtherSourcesAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true, objects: brokenObjects{}})
	f, other := w.film(t, ""), w.film(t, "")
	w.exec(t, `UPDATE media_items SET waveform_key = NULL`)
	v := w.signIn(t)
	f.grantTo(t, v)
	p, q := v.buy(f), v.buy(other)
	w.handle(t, p, p.completed(), 1)
	w.handle(t, q, q.completed(), 1)
	w.handle(t, p, p.refunded(true), 2)
	if n := w.number(t, `SELECT count(*) FROM content_access WHERE user_id = $1 AND deleted_at IS NULL`, v.id); n != 2 {
		t.Errorf("%d live grants, want the gift and the other purchase", n)
	}
	v.opened(t, f, "")
	v.opened(t, other, "")
}

func TestAnEventOfSomebodyUnknownIsNoPoison(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true, objects: brokenObjects{}})
	p := purchase{uuid.NewString(), "nobody", w.film(t, "")}
	if types, _ := w.handle(t, p, p.completed(), 1); types != nil {
		t.Errorf("led to %v", types)
	}
}

// explained asks for a decision; about is "" for the viewer.
func (v viewer) explained(t *testing.T, f film, about string) wire.Decision {
	t.Helper()
	return read[single[wire.Decision]](t, v.decision(t, f, about).want(t, http.StatusOK, "")).Data
}

func (v viewer) decision(t *testing.T, f film, about string) answer {
	t.Helper()
	path := "/api/access/content/" + f.id + "/decision"
	if about != "" {
		path += "?userId=" + about
	}
	return v.ask(t, http.MethodGet, path, "")
}

func TestADecisionIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{objects: brokenObjects{}})
	f := w.film(t, w.organization(t))
	v := w.signIn(t)
	if d := v.explained(t, f, ""); d.Allowed || d.Decision != "deny" || d.Reason != "payment_required" || d.Rule != "paid" ||
		len(d.Grants) != 0 || d.GrantID != nil || d.UserID != v.id || d.ContentID != f.id {
		t.Errorf("a stranger: %+v", d)
	}
	p := v.buy(f)
	bought := w.publish(t, p, p.completed(), 1)
	w.eventually(t, 1, liveGrants, v.id, f.id)
	d := v.explained(t, f, "")
	if !d.Allowed || d.Decision != "allow" || d.Reason != "grant" || len(d.Grants) != 1 || d.GrantID == nil || *d.GrantID != d.Grants[0].ID {
		t.Fatalf("a buyer: %+v", d)
	}
	if g := d.Grants[0]; g.State != "live" || g.Source != "purchased" || g.SourceID != p.id || g.SourceEventID == nil || *g.SourceEventID != bought.ID {
		t.Errorf("a buyer's grant: %+v", g)
	}
	disputed := w.publish(t, p, p.disputed(), 2)
	w.eventually(t, 0, liveGrants, v.id, f.id)
	if d := v.explained(t, f, ""); d.Allowed || d.Reason != "revoked" || len(d.Grants) != 1 || d.Grants[0].State != "revoked" ||
		*d.Grants[0].RevokedReason != "dispute" || d.Grants[0].RevokedAt == nil || *d.Grants[0].SourceEventID != disputed.ID || d.Grants[0].SourceVersion != 2 {
		t.Errorf("a disputing buyer: %+v", d)
	}
	w.exec(t, `INSERT INTO content_access (user_id, content_id, access_type, source_id, expires_at) VALUES
		($1, $2, 'complimentary', 'over', now() - interval '1 day'), ($1, $2, 'preview', 'for a while', now() + interval '1 day')`, v.id, f.id)
	d = v.explained(t, f, "")
	states := map[string]string{}
	for _, g := range d.Grants {
		states[g.SourceID] = string(g.State)
		if g.Source != "purchased" && (g.SourceEventID != nil || g.ExpiresAt == nil) {
			t.Errorf("a grant by hand: %+v", g)
		}
	}
	if !d.Allowed || len(states) != 3 || states["over"] != "expired" || states["for a while"] != "live" || states[p.id] != "revoked" {
		t.Errorf("with gifts: %v, %+v", states, d)
	}
	if got := w.get(t, w.edge.URL+"/api/access/content/"+f.id+"/decision"); got.status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got.status)
	}
}

func TestAGrantKnowsItsEventWhenTheOutboxHasForgottenIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{objects: brokenObjects{}})
	f := w.film(t, "")
	v := w.signIn(t)
	p := v.buy(f)
	bought := w.publish(t, p, p.completed(), 1)
	w.eventually(t, 1, liveGrants, v.id, f.id)
	var partition string
	if err := w.pool.QueryRow(t.Context(), `SELECT DISTINCT tableoid::regclass::text FROM outbox`).Scan(&partition); err != nil {
		t.Fatal(err)
	}
	w.exec(t, `DROP TABLE `+partition)
	if n := w.number(t, `SELECT count(*) FROM outbox`); n != 0 {
		t.Fatalf("the outbox still holds %d events", n)
	}
	if g := v.explained(t, f, "").Grants; len(g) != 1 || g[0].SourceEventID == nil || *g[0].SourceEventID != bought.ID {
		t.Errorf("%+v, want event %s", g, bought.ID)
	}
}

func TestOnlyTheManagementIsToldAboutOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{readOnly: true, objects: brokenObjects{}})
	f := w.film(t, w.organization(t))
	personal := w.film(t, "")
	buyer := w.signIn(t)
	f.grantTo(t, buyer)
	personal.grantTo(t, buyer)
	creator := viewer{w, f.creator, w.session(t, f.creator)}
	owner, admin, member, colleague, gone, foreign := w.signIn(t), w.signIn(t), w.signIn(t), w.signIn(t), w.signIn(t), w.signIn(t)
	owner.join(t, f.organization, "owner")
	admin.join(t, f.organization, "admin")
	member.join(t, f.organization, "member")
	colleague.join(t, f.organization, "creator")
	gone.join(t, f.organization, "owner")
	w.exec(t, `UPDATE organization_memberships SET status = 'inactive' WHERE user_id = $1`, gone.id)
	foreign.join(t, w.organization(t), "owner")
	for name, v := range map[string]viewer{"the creator": creator, "an owner": owner, "an admin": admin, "the buyer": buyer} {
		if d := v.explained(t, f, buyer.id); !d.Allowed || d.Reason != "grant" || d.UserID != buyer.id || len(d.Grants) != 1 {
			t.Errorf("%s is told %+v", name, d)
		}
	}
	for name, v := range map[string]viewer{"a member": member, "a colleague": colleague, "a former owner": gone, "a foreign owner": foreign, "a stranger": w.signIn(t)} {
		got := v.decision(t, f, buyer.id).want(t, http.StatusNotFound, "NOT_FOUND")
		if unknown := v.decision(t, film{id: uuid.NewString()}, buyer.id).want(t, http.StatusNotFound, "NOT_FOUND"); got.body != unknown.body {
			t.Errorf("%s can tell it from what does not exist: %s", name, got.body)
		}
	}
	owner.decision(t, personal, buyer.id).want(t, http.StatusNotFound, "NOT_FOUND")
	owner.decision(t, f, "nobody").want(t, http.StatusNotFound, "NOT_FOUND")
	owner.decision(t, f, "no/body").want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	if d := owner.explained(t, f, member.id); !d.Allowed || d.Reason != "membership" {
		t.Errorf("about a member: %+v", d)
	}
	// A draft exists for the management only, what is deleted for nobody.
	w.exec(t, `UPDATE content SET status = 'draft' WHERE id = $1`, f.id)
	if d := admin.explained(t, f, buyer.id); d.Allowed || d.Reason != "not_found" {
		t.Errorf("about a draft: %+v", d)
	}
	buyer.decision(t, f, "").want(t, http.StatusNotFound, "NOT_FOUND")
	w.exec(t, `UPDATE content SET deleted_at = now() WHERE id = $1`, f.id)
	creator.decision(t, f, "").want(t, http.StatusNotFound, "NOT_FOUND")
}

func TestProgressOnlyMovesForward(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{objects: brokenObjects{}})
	f := w.film(t, "")
	v := w.signIn(t)
	f.grantTo(t, v)
	path := "/api/access/content/" + f.id + "/progress"
	progress := func() *wire.Progress {
		return read[single[wire.ProgressAnswer]](t, v.ask(t, http.MethodGet, path, "").want(t, http.StatusOK, "")).Data.Progress
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
		if got := v.ask(t, http.MethodPost, path, step.body); got.status != http.StatusNoContent || got.body != "" {
			t.Fatalf("%s: %d %s", step.body, got.status, got.body)
		}
		if p := progress(); p == nil || p.PositionSeconds != step.position || p.Completed != step.completed || p.DurationSeconds != 100 {
			t.Errorf("after %s: %+v", step.body, p)
		}
	}
	const told = `SELECT count(*) FROM outbox WHERE type = $1 AND tenant = $2 AND aggregate_id = (SELECT id::text FROM video_playback)`
	if n := w.number(t, told, "playback.started", f.creator); n != 1 {
		t.Errorf("%d beginnings were told, want 1", n)
	}
	if n := w.number(t, told, "playback.progressed", f.creator); n != 4 {
		t.Errorf("%d moves were told, want 4", n)
	}
	if n := w.number(t, told, "playback.completed", f.creator); n != 1 {
		t.Errorf("%d ends were told, want 1", n)
	}
	if n := w.number(t, `SELECT version FROM video_playback`); n != 6 {
		t.Errorf("version %d, want 6", n)
	}
}

func TestProgressNeedsAccessWhenItIsApplied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{objects: brokenObjects{}})
	f := w.film(t, "")
	v := w.signIn(t)
	path := "/api/access/content/" + f.id + "/progress"
	const report = `{"positionSeconds":40,"durationSeconds":100}`
	v.ask(t, http.MethodPost, path, report).want(t, http.StatusForbidden, "ACCESS_DENIED")
	v.ask(t, http.MethodPost, "/api/access/content/"+uuid.NewString()+"/progress", report).want(t, http.StatusNotFound, "NOT_FOUND")
	f.grantTo(t, v)
	if got := v.ask(t, http.MethodPost, path, report); got.status != http.StatusNoContent {
		t.Fatalf("with a grant: %d %s", got.status, got.body)
	}
	w.exec(t, `UPDATE content_access SET deleted_at = now()`)
	v.ask(t, http.MethodPost, path, `{"positionSeconds":50,"durationSeconds":100}`).want(t, http.StatusForbidden, "ACCESS_DENIED")
	if n := w.number(t, `SELECT position_seconds FROM video_playback`); n != 40 {
		t.Errorf("position %d after the access ended", n)
	}
	for _, body := range []string{
		``, `{}`, `{"positionSeconds":1}`, `{"positionSeconds":-1,"durationSeconds":1}`, `{"positionSeconds":1,"durationSeconds":0}`,
		`{"positionSeconds":1.5,"durationSeconds":2}`, `{"positionSeconds":"1","durationSeconds":2}`, `{"positionSeconds":3000000000,"durationSeconds":2}`,
		`{"positionSeconds":1,"durationSeconds":2,"contentId":"` + f.id + `"}`, `{"positionSeconds":1,"durationSeconds":2,"userId":"x"}`,
	} {
		v.ask(t, http.MethodPost, path, body).want(t, http.StatusBadRequest, "VALIDATION_ERROR")
	}
}

func TestAReportThatCannotBeReadHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{objects: brokenObjects{}})
	f := w.film(t, "")
	v := w.signIn(t)
	f.grantTo(t, v)
	for typ, payload := range map[string]string{
		"playback.rewind": `{}`, "playback.record": `{"contentId":"x","positionSeconds":1,"durationSeconds":2}`,
	} {
		reply, err := w.bus.Send(t.Context(), events.Command{
			ID: uuid.NewString(), Type: typ, ActorID: v.id, AggregateID: uuid.NewString(), Payload: []byte(payload), IssuedAt: time.Now(),
		})
		if err != nil || reply.Status != http.StatusBadRequest {
			t.Errorf("%s: %+v, %v", typ, reply, err)
		}
	}
	got := v.ask(t, http.MethodPost, "/api/access/content/"+f.id+"/progress", `{"positionSeconds":1,"durationSeconds":2}`)
	if got.status != http.StatusNoContent {
		t.Errorf("the next one: %d %s", got.status, got.body)
	}
}
