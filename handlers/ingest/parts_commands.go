package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// PartsStore is what uploads in parts need of an object store.
type PartsStore interface {
	Head(ctx context.Context, key string) (s3.Info, error)
	StartParts(ctx context.Context, key, contentType string) (string, error)
	ListParts(ctx context.Context, key, upload string) ([]media.Part, error)
	CompleteParts(ctx context.Context, key, upload string, parts []media.Part) error
	AbortParts(ctx context.Context, key, upload string) error
}

// uploads applies the commands of the external context "upload": uploads of
// originals in parts, straight to the store.
//
// A row says which uploads are open; the store knows their parts. upload.open writes
// the row, asks the store, and writes the store's name for the upload down. When a
// crash comes between, the command is repeated and asks the store for another one;
// the first has no parts, and is ended with the item or after a week.
//
// upload.complete compares the parts that the store has with the file's size before
// anything is put together, so that a part that is missing costs nothing. The store
// decides when an end and an abort meet: one of them finds nothing.
//
// Uploads have no events of their own: media.uploaded follows once the edge has
// inspected the file.
type uploads struct {
	store PartsStore
}

// uploadTimeout bounds one attempt: a store may need minutes to put a file together.
const uploadTimeout = 10 * time.Minute

// partsSpace is the name space of uploads' ids, which follow from the command.
var partsSpace = uuid.MustParse("5d0b6c1f-8f2e-5a8b-9a47-c0a4a3f3de60")

// commands returns the external context.
func (x uploads) commands() commands.External {
	return commands.NewExternal("upload", uploadTimeout,
		commands.HandleExternal(media.CommandOpenParts, x.open),
		commands.HandleExternal(media.CommandCompleteParts, x.complete),
		commands.HandleExternal(media.CommandAbortParts, x.abort),
	)
}

// load locks the item of a command and reads the actor's rights.
func (x uploads) load(ctx context.Context, tx pgx.Tx, cmd events.Command) (media.Item, media.Facts, error) {
	item, _, err := postgres.Lock(ctx, tx, cmd.AggregateID)
	if err != nil {
		return item, media.Facts{}, err
	}
	role, err := postgres.Role(ctx, tx, cmd.ActorID)
	return item, media.Facts{Actor: media.Actor{ID: cmd.ActorID, Role: role}}, err
}

func (x uploads) open(
	ctx context.Context, tx pgx.Tx, cmd events.Command, _ *struct{}, now time.Time,
) (commands.Call, commands.Outcome, error) {
	item, facts, err := x.load(ctx, tx, cmd)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	id := uuid.NewSHA1(partsSpace, []byte(cmd.ID)).String()
	others, err := postgres.OpenParts(ctx, tx, item.ID, now)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	open := 0
	for _, other := range others {
		if other.ID != id {
			open++
		}
	}
	upload, err := item.OpenParts(id, facts, open, now)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if err := postgres.InsertParts(ctx, tx, upload); err != nil {
		return nil, commands.Outcome{}, err
	}
	return func(ctx context.Context) (commands.Finish, error) {
		var err error
		if upload.StoreID, err = x.store.StartParts(ctx, upload.ObjectKey, item.MimeType); err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx pgx.Tx, _ time.Time) (commands.Outcome, error) {
			return commands.Created(UploadOf(upload)), postgres.SaveParts(ctx, tx, upload, media.PartsOpen)
		}, nil
	}, commands.Outcome{}, nil
}

// complete puts an upload together. One that is put together already succeeds again.
func (x uploads) complete(
	ctx context.Context, tx pgx.Tx, cmd events.Command, end *media.EndParts, _ time.Time,
) (commands.Call, commands.Outcome, error) {
	upload, err := x.find(ctx, tx, cmd, end)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if upload.Status == media.PartsCompleted {
		return nil, commands.OK(UploadOf(upload)), nil
	}
	again := upload.Status == media.PartsCompleting
	upload.Status = media.PartsCompleting
	if err := postgres.SaveParts(ctx, tx, upload, media.PartsOpen, media.PartsCompleting); err != nil {
		return nil, commands.Outcome{}, err
	}
	return func(ctx context.Context) (commands.Finish, error) {
		err := x.assemble(ctx, upload, end.Parts, again)
		rejection, isRejection := domain.AsError(err)
		switch {
		case err == nil:
			upload.Status = media.PartsCompleted
		case errors.Is(err, media.ErrPartsNotFound):
			upload.Status = media.PartsAborted
		case isRejection:
			upload.Status = media.PartsOpen
		default:
			return nil, err
		}
		return func(ctx context.Context, tx pgx.Tx, _ time.Time) (commands.Outcome, error) {
			outcome := commands.OK(UploadOf(upload))
			if isRejection {
				outcome = commands.Rejected(rejection)
			}
			return outcome, postgres.SaveParts(ctx, tx, upload, media.PartsCompleting)
		}, nil
	}, commands.Outcome{}, nil
}

// assemble makes the object. again says that the store was asked before, and may
// have done it, or be doing it still.
func (x uploads) assemble(ctx context.Context, upload media.PartsUpload, named []media.NamedPart, again bool) error {
	stored, err := x.store.ListParts(ctx, upload.ObjectKey, upload.StoreID)
	if err == nil {
		var parts []media.Part
		if parts, err = upload.Assemble(stored, named); err != nil {
			return err
		}
		err = x.store.CompleteParts(ctx, upload.ObjectKey, upload.StoreID, parts)
	}
	if !errors.Is(err, s3.ErrNotFound) {
		return err
	}
	info, headErr := x.store.Head(ctx, upload.ObjectKey)
	switch {
	case headErr == nil && info.Size == upload.SizeBytes:
		return nil
	case again, headErr != nil && !errors.Is(headErr, s3.ErrNotFound):
		return errors.Join(err, headErr) // unknown: tried again
	default:
		return media.ErrPartsNotFound
	}
}

func (x uploads) abort(
	ctx context.Context, tx pgx.Tx, cmd events.Command, end *media.EndParts, _ time.Time,
) (commands.Call, commands.Outcome, error) {
	upload, err := x.find(ctx, tx, cmd, end)
	if err == nil && upload.Status == media.PartsCompleted {
		err = media.ErrPartsNotFound
	}
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	return func(ctx context.Context) (commands.Finish, error) {
		if err := x.store.AbortParts(ctx, upload.ObjectKey, upload.StoreID); err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx pgx.Tx, _ time.Time) (commands.Outcome, error) {
			upload.Status = media.PartsAborted
			return commands.NoContent(), postgres.SaveParts(ctx, tx, upload, media.PartsOpen, media.PartsCompleting)
		}, nil
	}, commands.Outcome{}, nil
}

// find returns an upload that was not aborted, of an item that waits for its file. A
// completed one is found whatever the item does now.
func (x uploads) find(
	ctx context.Context, tx pgx.Tx, cmd events.Command, end *media.EndParts,
) (media.PartsUpload, error) {
	item, facts, err := x.load(ctx, tx, cmd)
	if err != nil {
		return media.PartsUpload{}, err
	}
	if err := item.Authorize(facts.Actor); err != nil {
		return media.PartsUpload{}, err
	}
	upload, found, err := postgres.FindParts(ctx, tx, item.ID, end.UploadID)
	switch {
	case err != nil:
		return upload, err
	case !found || upload.Status == media.PartsAborted || upload.StoreID == "":
		return upload, media.ErrPartsNotFound
	case upload.Status == media.PartsCompleted:
		return upload, nil
	default:
		return upload, item.MayUpload(facts.Actor)
	}
}
