package commands

import (
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/wire"
)

// Media applies the commands of context "media": those of creators, those that a
// transcoder's callbacks become, and those of the sweep for silent jobs.
type Media struct {
	// Development permits what test clients do: own object keys, forced statuses.
	Development bool
}

// uploadSpace is the name space of upload ids. An upload id follows from the
// command, so that a command that is applied again names the same object.
var uploadSpace = uuid.MustParse("3c0f5a7e-96a4-5a3e-8d53-8f0a4c1de2b7")

// Name implements Context.
func (Media) Name() string { return "media" }

// Open implements Context.
func (m Media) Open(batch []events.Command) Unit {
	return &mediaUnit{
		cmds: batch, payloads: decode(batch, mediaPayload), development: m.Development,
		items: map[string]media.Item{}, uses: map[string]int{}, actors: newActors(), changed: map[string]bool{},
	}
}

// mediaPayload returns the struct of a command, nil for one that is unknown.
func mediaPayload(command string) any {
	switch command {
	case "media.register":
		return &media.Register{}
	case "media.complete_upload":
		return &media.CompleteUpload{}
	case "media.reject":
		return &media.Reject{}
	case "media.update":
		return &media.Update{}
	case "media.retry":
		return &media.Retry{}
	case "media.transcode":
		return &media.Transcode{}
	case "media.delete":
		return &media.Delete{}
	case "media.record_progress":
		return &media.RecordProgress{}
	case "media.record_result":
		return &media.RecordResult{}
	case "media.record_failure":
		return &media.RecordFailure{}
	case "media.fail_stuck":
		return &media.FailStuck{}
	default:
		return nil
	}
}

type mediaUnit struct {
	cmds        []events.Command
	payloads    []any
	development bool

	items   map[string]media.Item
	uses    map[string]int // published content per item that may be deleted
	actors  *actors
	order   []string
	changed map[string]bool
}

// Load implements Unit.
func (u *mediaUnit) Load(b *pgx.Batch) {
	var ids, leaving []string
	for i, cmd := range u.cmds {
		ids = append(ids, cmd.AggregateID)
		if _, ok := u.payloads[i].(*media.Delete); ok {
			leaving = append(leaving, cmd.AggregateID)
		}
		u.actors.want(cmd.ActorID, "")
	}
	u.actors.load(b)
	postgres.QueueLock(b, ids, u.items)
	if len(leaving) > 0 {
		postgres.QueuePublishedUses(b, leaving, u.uses)
	}
}

// Decide implements Unit.
func (u *mediaUnit) Decide(i int, now time.Time) (Outcome, error) {
	cmd := u.cmds[i]
	switch p := u.payloads[i].(type) {
	case error:
		return Outcome{}, p
	case *media.RecordProgress:
		return u.report(cmd, media.ActorTranscoder, func(before media.Item) (media.Item, []events.Payload, media.Ignored) {
			return before.RecordProgress(*p, now)
		})
	case *media.RecordResult:
		return u.report(cmd, media.ActorTranscoder, func(before media.Item) (media.Item, []events.Payload, media.Ignored) {
			return before.RecordResult(*p, now)
		})
	case *media.RecordFailure:
		return u.report(cmd, media.ActorTranscoder, func(before media.Item) (media.Item, []events.Payload, media.Ignored) {
			return before.RecordFailure(*p, now)
		})
	case *media.Transcode:
		return u.dispatch(cmd, *p, now)
	case *media.FailStuck:
		return u.report(cmd, media.ActorSystem, func(before media.Item) (media.Item, []events.Payload, media.Ignored) {
			return before.FailStuck(*p, now)
		})
	default:
		return u.ask(cmd, p, now)
	}
}

// ask decides what a person asks for.
func (u *mediaUnit) ask(cmd events.Command, payload any, now time.Time) (Outcome, error) {
	before := u.items[cmd.AggregateID]
	facts := media.Facts{
		Actor:         media.Actor{ID: cmd.ActorID, Role: u.actors.roles[cmd.ActorID]},
		UploadID:      uuid.NewSHA1(uploadSpace, []byte(cmd.ID)).String(),
		Development:   u.development,
		PublishedUses: u.uses[cmd.AggregateID],
	}
	var (
		next     media.Item
		happened []events.Payload
		err      error
	)
	switch p := payload.(type) {
	case *media.Register:
		if before.ID != "" {
			return Outcome{}, media.ErrExists
		}
		next, happened, err = media.New(cmd.AggregateID, *p, facts, now)
	case *media.CompleteUpload:
		next, happened, err = before.CompleteUpload(*p, facts, now)
	case *media.Reject:
		next, happened, err = before.Reject(*p, facts, now)
	case *media.Update:
		next, happened, err = before.Update(*p, facts, now)
	case *media.Retry:
		next, happened, err = before.Retry(*p, facts, now)
	case *media.Delete:
		next, happened, err = before.Delete(*p, facts, now)
	default:
		err = fmt.Errorf("no decision for %T", payload)
	}
	if err != nil {
		return Outcome{}, err
	}
	return mediaOutcome(payload, next, u.apply(next, happened)), nil
}

// dispatch gives out a job that another program asks for. The job's id follows from
// the command, so that a command that is applied again gives out the same job.
func (u *mediaUnit) dispatch(cmd events.Command, p media.Transcode, now time.Time) (Outcome, error) {
	if cmd.ActorID != media.ActorSystem {
		return Outcome{}, media.ErrNotCreator
	}
	next, happened, err := u.items[cmd.AggregateID].Dispatch(p, uuid.NewSHA1(uploadSpace, []byte(cmd.ID)).String(), now)
	if err != nil {
		return Outcome{}, err
	}
	return Changed(wire.TranscodingAsked{Message: "The transcoding begins", MediaID: next.ID}, u.apply(next, happened)...), nil
}

// mediaOutcome is the answer to what a person asked for.
func mediaOutcome(payload any, next media.Item, facts []events.Fact) Outcome {
	switch payload.(type) {
	case *media.Register:
		return Created(wire.MediaOf(next), facts...)
	case *media.CompleteUpload:
		return Changed(wire.UploadCompleted{Success: true, TranscodingTriggered: true, Status: media.Uploaded}, facts...)
	case *media.Retry:
		return Changed(wire.TranscodingAsked{Message: "The transcoding is tried again", MediaID: next.ID}, facts...)
	case *media.Delete:
		return Done(facts...)
	default:
		return Changed(wire.MediaOf(next), facts...)
	}
}

// report applies what a machine reports. Only that machine may.
func (u *mediaUnit) report(cmd events.Command, actor string,
	decide func(before media.Item) (media.Item, []events.Payload, media.Ignored),
) (Outcome, error) {
	if cmd.ActorID != actor {
		return Outcome{}, media.ErrNotCreator
	}
	next, happened, ignored := decide(u.items[cmd.AggregateID])
	var facts []events.Fact
	if next.ID != "" && (ignored == "" || len(happened) > 0) {
		facts = u.apply(next, happened)
	}
	return Outcome{
		Status: http.StatusOK, Body: wire.Single{Data: wire.ReportTaken{Applied: ignored == "", Ignored: ignored}}, Facts: facts,
	}, nil
}

// apply makes the next state visible to the commands that follow in the batch.
func (u *mediaUnit) apply(next media.Item, happened []events.Payload) []events.Fact {
	u.items[next.ID] = next
	if !u.changed[next.ID] {
		u.changed[next.ID] = true
		u.order = append(u.order, next.ID)
	}
	return numbered(next.CreatorID, next.ID, next.Version, happened)
}

// Save implements Unit.
func (u *mediaUnit) Save(b *pgx.Batch) error {
	items := make([]media.Item, len(u.order))
	for i, id := range u.order {
		items[i] = u.items[id]
	}
	return postgres.QueueSave(b, items)
}
