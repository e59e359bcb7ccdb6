package ingest

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/view"
)

// mediaContext handles the commands of the context "media": those of creators, of transcoders'
// callbacks, and of the job that fails silent jobs.
type mediaContext struct {
	// development permits what test clients do: own object keys, forced statuses.
	development bool
	// quota limits each creator.
	quota domain.Quota
}

// uploadSpace is the UUID name space of upload and job ids. They follow from the command, so a
// command that is applied again names the same object and job.
var uploadSpace = uuid.MustParse("3c0f5a7e-96a4-5a3e-8d53-8f0a4c1de2b7")

func (m mediaContext) commands() commands.Context {
	return commands.NewContext("media", m.open,
		commands.Handle(media.CommandRegister, (*mediaBatch).wantRegister, (*mediaBatch).register),
		commands.Handle(media.CommandCompleteUpload, wantMedia[media.CompleteUpload], (*mediaBatch).completeUpload),
		commands.Handle(media.CommandReject, wantMedia[media.Reject], (*mediaBatch).reject),
		commands.Handle(media.CommandUpdate, wantMedia[media.Update], (*mediaBatch).update),
		commands.Handle(media.CommandRetry, wantMedia[media.Retry], (*mediaBatch).retry),
		commands.Handle(media.CommandDelete, (*mediaBatch).wantRemove, (*mediaBatch).remove),
		commands.Handle(media.CommandSetCaptions, wantMedia[media.SetCaptions], (*mediaBatch).setCaptions),
		commands.Handle(media.CommandRemoveCaptions, wantMedia[media.RemoveCaptions], (*mediaBatch).removeCaptions),
		commands.Handle(media.CommandRecordCaptions, wantMedia[media.RecordCaptions], (*mediaBatch).recordCaptions),
		commands.Handle(media.CommandSetChapters, wantMedia[media.SetChapters], (*mediaBatch).setChapters),
		commands.Handle(media.CommandTranscode, wantMedia[media.Transcode], (*mediaBatch).transcode),
		handleReport(media.CommandRecordProgress, media.ActorTranscoder, media.Item.RecordProgress),
		handleReport(media.CommandRecordPlayable, media.ActorTranscoder, media.Item.RecordPlayable),
		handleReport(media.CommandRecordResult, media.ActorTranscoder, media.Item.RecordResult),
		handleReport(media.CommandRecordFailure, media.ActorTranscoder, media.Item.RecordFailure),
		handleReport(media.CommandFailStuck, media.ActorSystem, media.Item.FailStuck),
	)
}

// mediaBatch is the state that a batch of commands loads and changes.
type mediaBatch struct {
	development bool
	quota       domain.Quota

	items  *commands.State[string, media.Item]
	uses   map[string]int // how many published content items use each item to delete
	actors *commands.Actors
	usage  map[string]media.Usage // of those who register items
	// captions are the texts to write, in the order of the commands.
	captions []captionChange

	wanted struct{ items, leaving, creators []string }
}

func (m mediaContext) open() *mediaBatch {
	return &mediaBatch{
		development: m.development,
		quota:       m.quota,
		usage:       map[string]media.Usage{},
		items:       commands.NewState[string, media.Item](),
		uses:        map[string]int{},
		actors:      commands.NewActors(),
	}
}

func wantMedia[P any](b *mediaBatch, cmd events.Command, _ *P) {
	b.wanted.items = append(b.wanted.items, cmd.AggregateID)
	b.actors.Want(cmd.ActorID, "")
}

func (b *mediaBatch) wantRegister(cmd events.Command, p *media.Register) {
	wantMedia(b, cmd, p)
	b.wanted.creators = append(b.wanted.creators, cmd.ActorID)
}

func (b *mediaBatch) wantRemove(cmd events.Command, p *media.Delete) {
	wantMedia(b, cmd, p)
	b.wanted.leaving = append(b.wanted.leaving, cmd.AggregateID)
}

// Load implements [commands.Batch].
func (b *mediaBatch) Load(load *pgx.Batch) {
	b.actors.Load(load)
	if len(b.wanted.creators) > 0 {
		postgres.QueueUsage(load, b.wanted.creators, b.usage)
	}
	if len(b.wanted.items) > 0 {
		postgres.QueueLock(load, b.wanted.items, b.items.Rows)
	}
	if len(b.wanted.leaving) > 0 {
		postgres.QueuePublishedUses(load, b.wanted.leaving, b.uses)
	}
}

// Save implements [commands.Batch].
func (b *mediaBatch) Save(save *pgx.Batch) error {
	if err := postgres.QueueSave(save, b.items.Changed()); err != nil {
		return err
	}
	for _, c := range b.captions {
		if c.text == "" {
			postgres.QueueRemoveCaptions(save, c.mediaID, c.language)
		} else {
			postgres.QueueCaptions(save, c.mediaID, c.language, c.text)
		}
	}
	return nil
}

func (b *mediaBatch) register(cmd events.Command, p *media.Register, now time.Time) (commands.Outcome, error) {
	if b.items.Rows[cmd.AggregateID].ID != "" {
		return commands.Outcome{}, media.ErrExists
	}
	next, payloads, err := media.New(cmd.AggregateID, *p, b.facts(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	b.usage[next.CreatorID] = b.usage[next.CreatorID].Add(next)
	return commands.Created(view.MediaOf(next), b.keep(next, payloads)...).Of(next.ID), nil
}

func (b *mediaBatch) completeUpload(
	cmd events.Command, p *media.CompleteUpload, now time.Time,
) (commands.Outcome, error) {
	next, payloads, err := b.items.Rows[cmd.AggregateID].CompleteUpload(*p, b.facts(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return uploadCompleted(b.keep(next, payloads)...), nil
}

func uploadCompleted(facts ...events.Fact) commands.Outcome {
	return commands.OK(UploadCompleted{Success: true, TranscodingTriggered: true, Status: media.Uploaded}, facts...)
}

func (b *mediaBatch) reject(cmd events.Command, p *media.Reject, now time.Time) (commands.Outcome, error) {
	next, payloads, err := b.items.Rows[cmd.AggregateID].Reject(*p, b.facts(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.OK(view.MediaOf(next), b.keep(next, payloads)...).Of(next.ID), nil
}

func (b *mediaBatch) update(cmd events.Command, p *media.Update, now time.Time) (commands.Outcome, error) {
	next, payloads, err := b.items.Rows[cmd.AggregateID].Update(*p, b.facts(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.OK(view.MediaOf(next), b.keep(next, payloads)...).Of(next.ID), nil
}

func (b *mediaBatch) retry(cmd events.Command, p *media.Retry, now time.Time) (commands.Outcome, error) {
	next, payloads, err := b.items.Rows[cmd.AggregateID].Retry(*p, b.facts(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	asked := TranscodingAsked{Message: "The transcoding is tried again", MediaID: next.ID}
	return commands.OK(asked, b.keep(next, payloads)...), nil
}

func (b *mediaBatch) remove(cmd events.Command, p *media.Delete, now time.Time) (commands.Outcome, error) {
	next, payloads, err := b.items.Rows[cmd.AggregateID].Delete(*p, b.facts(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.NoContent(b.keep(next, payloads)...), nil
}

// transcode starts a job that another program asks for.
func (b *mediaBatch) transcode(cmd events.Command, p *media.Transcode, now time.Time) (commands.Outcome, error) {
	if cmd.ActorID != media.ActorSystem {
		return commands.Outcome{}, media.ErrNotCreator
	}
	jobID := uuid.NewSHA1(uploadSpace, []byte(cmd.ID)).String()
	next, payloads, err := b.items.Rows[cmd.AggregateID].Dispatch(*p, jobID, now)
	if err != nil {
		return commands.Outcome{}, err
	}
	asked := TranscodingAsked{Message: "The transcoding begins", MediaID: next.ID}
	return commands.OK(asked, b.keep(next, payloads)...), nil
}

// handleReport is the handler of a command that reports on a job. Only the actor may send it.
// A report that is too late is ignored and not an error.
func handleReport[P any](
	name, actor string,
	record func(before media.Item, report P, now time.Time) (media.Item, []events.Payload, media.Ignored),
) commands.Handler[*mediaBatch] {
	apply := func(b *mediaBatch, cmd events.Command, p *P, now time.Time) (commands.Outcome, error) {
		if cmd.ActorID != actor {
			return commands.Outcome{}, media.ErrNotCreator
		}
		next, payloads, ignored := record(b.items.Rows[cmd.AggregateID], *p, now)
		var facts []events.Fact
		if next.ID != "" && (ignored == "" || len(payloads) > 0) {
			facts = b.keep(next, payloads)
		}
		return commands.OK(ReportTaken{Applied: ignored == "", Ignored: ignored}, facts...), nil
	}
	return commands.Handle(name, wantMedia[P], apply)
}

// facts returns what the domain needs to decide a command.
func (b *mediaBatch) facts(cmd events.Command) media.Facts {
	return media.Facts{
		Actor:         media.Actor{ID: cmd.ActorID, Role: b.actors.Role(cmd.ActorID)},
		UploadID:      uuid.NewSHA1(uploadSpace, []byte(cmd.ID)).String(),
		Development:   b.development,
		PublishedUses: b.uses[cmd.AggregateID],
		Quota:         b.quota,
		Usage:         b.usage[cmd.ActorID],
	}
}

// keep makes the next state visible to the following commands of the batch and returns the
// facts that led to it. The texts of captions that it does not have any more are removed.
func (b *mediaBatch) keep(next media.Item, payloads []events.Payload) []events.Fact {
	for _, track := range b.items.Rows[next.ID].Captions {
		if _, found := next.CaptionsIn(track.Language); !found {
			b.captions = append(b.captions, captionChange{next.ID, track.Language, ""})
		}
	}
	b.items.Put(next.ID, next)
	return events.Facts(next.CreatorID, next.ID, next.Version, payloads...)
}
