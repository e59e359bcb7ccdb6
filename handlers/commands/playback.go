package commands

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/events"
)

// Playback applies the commands of context "playback": what players report. Whether
// the actor has access is decided here again, by the same rules as for the stream.
type Playback struct{}

// Name implements Context.
func (Playback) Name() string { return "playback" }

// Open implements Context.
func (Playback) Open(batch []events.Command) Unit {
	u := &playbackUnit{
		cmds: batch, payloads: make([]any, len(batch)), facts: map[postgres.Question]postgres.Facts{},
		found: map[postgres.Question]access.Playback{}, changed: map[postgres.Question]bool{},
	}
	for i, cmd := range batch {
		u.payloads[i] = decodePlayback(cmd)
	}
	return u
}

// decodePlayback returns the command's struct, or the error to give it up with.
func decodePlayback(cmd events.Command) any {
	if cmd.Type != "playback.record" {
		return fmt.Errorf("unknown command %q", cmd.Type)
	}
	payload := &access.Record{}
	if err := json.Unmarshal(cmd.Payload, payload); err != nil {
		return fmt.Errorf("decode %s: %w", cmd.Type, err)
	}
	id, err := uuid.Parse(payload.ContentID)
	if err != nil {
		return fmt.Errorf("decode %s: content: %w", cmd.Type, err)
	}
	payload.ContentID = id.String()
	return payload
}

type playbackUnit struct {
	cmds     []events.Command
	payloads []any
	facts    map[postgres.Question]postgres.Facts
	found    map[postgres.Question]access.Playback
	order    []postgres.Question
	changed  map[postgres.Question]bool
}

// Load implements Unit.
func (u *playbackUnit) Load(b *pgx.Batch) {
	var questions []postgres.Question
	for i, cmd := range u.cmds {
		if p, ok := u.payloads[i].(*access.Record); ok {
			questions = append(questions, postgres.Question{UserID: cmd.ActorID, ContentID: p.ContentID})
		}
	}
	if len(questions) == 0 {
		return
	}
	postgres.QueueFacts(b, questions, u.facts)
	postgres.QueuePlaybackLock(b, questions, u.found)
}

// Decide implements Unit.
func (u *playbackUnit) Decide(i int, now time.Time) (Outcome, error) {
	cmd := u.cmds[i]
	p, ok := u.payloads[i].(*access.Record)
	if !ok {
		return Outcome{}, u.payloads[i].(error)
	}
	q := postgres.Question{UserID: cmd.ActorID, ContentID: p.ContentID}
	before, known := u.found[q]
	if !known {
		before = access.Playback{ID: postgres.PlaybackID(q.UserID, q.ContentID), UserID: q.UserID, ContentID: q.ContentID}
	}
	facts := u.facts[q]
	next, happened, err := before.Record(*p, access.Decide(facts.Content, facts.Viewer, now), now)
	if err != nil {
		return Outcome{}, err
	}
	u.found[q] = next
	if !u.changed[q] {
		u.changed[q] = true
		u.order = append(u.order, q)
	}
	return Done(numbered(facts.Content.Tenant(), next.ID, next.Version, happened)...), nil
}

// Save implements Unit.
func (u *playbackUnit) Save(b *pgx.Batch) error {
	list := make([]access.Playback, len(u.order))
	for i, q := range u.order {
		list[i] = u.found[q]
	}
	return postgres.QueuePlaybackSave(b, list)
}
