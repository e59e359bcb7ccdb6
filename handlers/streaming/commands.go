package streaming

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// playbackCommands returns the context "playback": what players report, and downloads. Access is decided
// here again, by the same rules as for the stream.
func playbackCommands() commands.Context {
	return commands.NewContext("playback", openPlayback,
		commands.Handle(access.CommandRecordPlayback, (*playbackBatch).wantRecord, (*playbackBatch).record),
		commands.Handle(access.CommandDownload, (*playbackBatch).wantDownload, (*playbackBatch).download))
}

var errBadContentID = domain.NewError(domain.Invalid, "UNREADABLE_COMMAND", "The content id is not a UUID")

// playbackBatch is what a batch of the context loads and changes.
type playbackBatch struct {
	actors    *commands.Actors
	facts     map[postgres.Question]postgres.Facts
	positions *commands.State[postgres.Question, access.Playback]
	questions []postgres.Question
	// played is the media of items to download, by content id.
	played map[string]*played
}

func openPlayback() *playbackBatch {
	return &playbackBatch{
		actors:    commands.NewActors(),
		facts:     map[postgres.Question]postgres.Facts{},
		positions: commands.NewState[postgres.Question, access.Playback](),
		played:    map[string]*played{},
	}
}

// questionOf returns the user and the item of a command.
func questionOf(cmd events.Command, contentID string) (postgres.Question, error) {
	id, err := uuid.Parse(contentID)
	if err != nil {
		return postgres.Question{}, errBadContentID
	}
	return postgres.Question{UserID: cmd.ActorID, ContentID: id.String()}, nil
}

func (b *playbackBatch) wantRecord(cmd events.Command, p *access.Record) {
	b.actors.Want(cmd.ActorID, "")
	if q, err := questionOf(cmd, p.ContentID); err == nil {
		b.questions = append(b.questions, q)
	}
}

// Load implements [commands.Batch].
func (b *playbackBatch) Load(load *pgx.Batch) {
	if len(b.questions) == 0 {
		return
	}
	b.actors.Load(load)
	postgres.QueueFacts(load, b.questions, b.facts)
	postgres.QueuePlaybackLock(load, b.questions, b.positions.Rows)
	for id, p := range b.played {
		queuePlayed(id, p)(load)
	}
}

// Save implements [commands.Batch].
func (b *playbackBatch) Save(save *pgx.Batch) error {
	return postgres.QueuePlaybackSave(save, b.positions.Changed())
}

func (b *playbackBatch) record(cmd events.Command, p *access.Record, now time.Time) (commands.Outcome, error) {
	q, err := questionOf(cmd, p.ContentID)
	if err != nil {
		return commands.Outcome{}, err
	}
	if b.actors.Role(cmd.ActorID) == "" {
		return commands.Outcome{}, identity.ErrUserNotFound
	}
	before, known := b.positions.Rows[q]
	if !known {
		id := postgres.PlaybackID(q.UserID, q.ContentID)
		before = access.Playback{ID: id, UserID: q.UserID, ContentID: q.ContentID}
	}

	report := *p
	report.ContentID = q.ContentID
	facts := b.facts[q]
	next, payloads, err := before.Record(report, access.Decide(facts.Content, facts.Viewer, now), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	b.positions.Put(q, next)
	return commands.NoContent(events.Facts(facts.Content.Tenant(), next.ID, next.Version, payloads...)...), nil
}
