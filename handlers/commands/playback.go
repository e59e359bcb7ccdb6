package commands

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
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
		cmds: batch, payloads: make([]*access.Record, len(batch)), facts: map[postgres.Question]postgres.Facts{},
		found: map[postgres.Question]access.Playback{}, changed: map[postgres.Question]bool{},
	}
	for i, cmd := range batch {
		u.payloads[i] = decodePlayback(cmd)
	}
	return u
}

// errUnreadableReport refuses what no edge of ours sends. A refusal, unlike another
// error, does not hold up the commands behind it.
var errUnreadableReport = domain.Refuse(domain.Invalid, "UNREADABLE_COMMAND", "This command cannot be read")

// decodePlayback returns the command's struct, nil when it cannot be read.
func decodePlayback(cmd events.Command) *access.Record {
	payload := &access.Record{}
	if cmd.Type != "playback.record" || json.Unmarshal(cmd.Payload, payload) != nil {
		return nil
	}
	id, err := uuid.Parse(payload.ContentID)
	if err != nil {
		return nil
	}
	payload.ContentID = id.String()
	return payload
}

type playbackUnit struct {
	cmds     []events.Command
	payloads []*access.Record // nil for what cannot be read
	facts    map[postgres.Question]postgres.Facts
	found    map[postgres.Question]access.Playback
	order    []postgres.Question
	changed  map[postgres.Question]bool
}

// Load implements Unit.
func (u *playbackUnit) Load(b *pgx.Batch) {
	var questions []postgres.Question
	for i, cmd := range u.cmds {
		if p := u.payloads[i]; p != nil {
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
	p := u.payloads[i]
	if p == nil {
		return Outcome{}, errUnreadableReport
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
