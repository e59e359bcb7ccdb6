package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// PartsStore is what uploads in parts need of the object store.
type PartsStore interface {
	Head(ctx context.Context, key string) (s3.Info, error)
	StartParts(ctx context.Context, key, contentType string) (string, error)
	ListParts(ctx context.Context, key, upload string) ([]media.Part, error)
	CompleteParts(ctx context.Context, key, upload string, parts []media.Part) error
	AbortParts(ctx context.Context, key, upload string) error
	DeletePrefix(ctx context.Context, prefix string) (int, error)
}

// uploads handles the commands of the external context "upload": uploads of originals in
// parts, directly to the store.
//
// The database knows the uploads, the store their parts. upload.open inserts the row, opens an
// upload in the store, and saves the store's id for it. After a crash in between the command is
// repeated and opens another one; the first has no parts, and is aborted with its item or after
// a week.
//
// upload.complete compares the stored parts with the size of the file before it has the store
// assemble them, so a missing part costs nothing. Then it examines the file and completes the
// upload of the item, or rejects the file, as completeMediaUpload does: one request is one
// command. When a completion and an abort are concurrent, the store decides: one of them finds
// no upload.
type uploads struct {
	store    PartsStore
	examiner *examiner
	log      *slog.Logger
}

// uploadTimeout limits one attempt: a store may need minutes to assemble a file.
const uploadTimeout = 10 * time.Minute

// partsSpace is the UUID name space of upload ids, which follow from the command.
var partsSpace = uuid.MustParse("5d0b6c1f-8f2e-5a8b-9a47-c0a4a3f3de60")

// partsID returns the id of the upload that a command opens.
func partsID(cmd events.Command) string { return uuid.NewSHA1(partsSpace, []byte(cmd.ID)).String() }

func (x uploads) commands() commands.External {
	return commands.NewExternal("upload", uploadTimeout,
		commands.HandleExternal(media.CommandOpenParts, x.open),
		commands.HandleExternal(media.CommandCompleteParts, x.complete),
		commands.HandleExternal(media.CommandAbortParts, x.abort),
	)
}

// load reads the actor's rights and locks the item of a command.
func (x uploads) load(ctx context.Context, tx pgx.Tx, cmd events.Command) (media.Item, media.Facts, error) {
	role, err := postgres.LockRole(ctx, tx, cmd.ActorID)
	if err != nil {
		return media.Item{}, media.Facts{}, err
	}
	item, _, err := postgres.Lock(ctx, tx, cmd.AggregateID)
	return item, media.Facts{Actor: media.Actor{ID: cmd.ActorID, Role: role}}, err
}

func (x uploads) open(
	ctx context.Context, tx pgx.Tx, cmd events.Command, p *media.OpenParts, now time.Time,
) (commands.Call, commands.Outcome, error) {
	item, facts, err := x.load(ctx, tx, cmd)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	id := partsID(cmd)
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
	upload.Metadata = p.Metadata
	if err := postgres.InsertParts(ctx, tx, upload); err != nil {
		return nil, commands.Outcome{}, err
	}

	return func(ctx context.Context) (commands.Finish, error) {
		var err error
		if upload.StoreID, err = x.store.StartParts(ctx, upload.ObjectKey, item.MimeType); err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx pgx.Tx, _ time.Time) (commands.Outcome, error) {
			outcome := commands.Created(uploadOf(upload)).Of(partID(item.ID, upload.ID))
			return outcome, postgres.SaveParts(ctx, tx, upload, media.PartsOpen)
		}, nil
	}, commands.Outcome{}, nil
}

// complete assembles the file of an upload and examines it. A repeated completion succeeds.
func (x uploads) complete(
	ctx context.Context, tx pgx.Tx, cmd events.Command, end *media.EndParts, now time.Time,
) (commands.Call, commands.Outcome, error) {
	item, facts, upload, err := x.find(ctx, tx, cmd, end)
	if err != nil {
		return nil, commands.Outcome{}, err
	}
	if item.Status != media.Uploading {
		_, _, err := item.CompleteUpload(media.CompleteUpload{ETag: item.ETag, SizeBytes: item.SizeBytes}, facts, now)
		return nil, uploadCompleted(), err
	}
	assembled := upload.Status == media.PartsCompleted
	again := upload.Status == media.PartsCompleting
	if !assembled {
		upload.Status = media.PartsCompleting
		if err := postgres.SaveParts(ctx, tx, upload, media.PartsOpen, media.PartsCompleting); err != nil {
			return nil, commands.Outcome{}, err
		}
	}

	return func(ctx context.Context) (commands.Finish, error) {
		if !assembled {
			err := x.assemble(ctx, upload, end.Parts, again)
			if rejection, ok := domain.AsError(err); ok {
				return x.notAssembled(upload, rejection), nil
			}
			if err != nil {
				return nil, err
			}
		}
		if _, err := x.store.DeletePrefix(ctx, upload.TailPrefix()); err != nil {
			return nil, err
		}
		found, rejected, err := x.examiner.examine(ctx, x.log, item, end.Checksum)
		rejection, isRejection := domain.AsError(err)
		if err != nil && (!isRejection || rejection.Class == domain.Unavailable) {
			return nil, err
		}
		upload.Status = media.PartsCompleted
		return func(ctx context.Context, tx pgx.Tx, now time.Time) (commands.Outcome, error) {
			if err := postgres.SaveParts(ctx, tx, upload, media.PartsCompleting); err != nil {
				return commands.Outcome{}, err
			}
			if isRejection {
				return commands.Rejected(rejection), nil // the item waits for another file
			}
			return x.completeItem(ctx, tx, cmd, found, rejected, now)
		}, nil
	}, commands.Outcome{}, nil
}

// notAssembled stores why the store could not assemble the file.
func (x uploads) notAssembled(upload media.PartsUpload, rejection *domain.Error) commands.Finish {
	upload.Status = media.PartsOpen
	if errors.Is(rejection, media.ErrPartsNotFound) {
		upload.Status = media.PartsAborted
	}
	return func(ctx context.Context, tx pgx.Tx, _ time.Time) (commands.Outcome, error) {
		return commands.Rejected(rejection), postgres.SaveParts(ctx, tx, upload, media.PartsCompleting)
	}
}

// completeItem completes the upload of an item whose file was examined, or fails the item.
func (x uploads) completeItem(
	ctx context.Context, tx pgx.Tx, cmd events.Command,
	found media.CompleteUpload, rejected *media.Reject, now time.Time,
) (commands.Outcome, error) {
	item, facts, err := x.load(ctx, tx, cmd)
	if err != nil {
		return commands.Outcome{}, err
	}
	var (
		next     media.Item
		payloads []events.Payload
	)
	if rejected != nil {
		next, payloads, err = item.Reject(*rejected, facts, now)
	} else {
		next, payloads, err = item.CompleteUpload(found, facts, now)
	}
	if rejection, ok := domain.AsError(err); ok {
		return commands.Rejected(rejection), nil
	}
	if err != nil {
		return commands.Outcome{}, err
	}

	if len(payloads) > 0 {
		save := &pgx.Batch{}
		if err := postgres.QueueSave(save, []media.Item{next}); err != nil {
			return commands.Outcome{}, err
		}
		if err := tx.SendBatch(ctx, save).Close(); err != nil {
			return commands.Outcome{}, fmt.Errorf("save media: %w", err)
		}
	}
	occurred := events.Facts(next.CreatorID, next.ID, next.Version, payloads...)
	if rejected != nil {
		return commands.Rejected(media.Rejected(rejected.Code, rejected.Reason), occurred...), nil
	}
	return uploadCompleted(occurred...), nil
}

var errNotAssembled = errors.New("the object is not assembled")

// assemble has the store assemble the object. again says that an earlier attempt may have done
// so, or may still be running.
func (x uploads) assemble(ctx context.Context, upload media.PartsUpload, named []media.NamedPart, again bool) error {
	stored, err := x.store.ListParts(ctx, upload.ObjectKey, upload.StoreID)
	if err == nil {
		var parts []media.Part
		if parts, err = upload.Assemble(stored, named); err != nil {
			return err
		}
		err = x.store.CompleteParts(ctx, upload.ObjectKey, upload.StoreID, parts)
	}
	if err != nil && !errors.Is(err, s3.ErrNotFound) {
		return err
	}
	// A store may report success to a second call while the first is still assembling.
	info, headErr := x.store.Head(ctx, upload.ObjectKey)
	switch {
	case headErr == nil && info.Size == upload.SizeBytes:
		return nil
	case err == nil, again, headErr != nil && !errors.Is(headErr, s3.ErrNotFound):
		return errors.Join(errNotAssembled, err, headErr) // unknown, so it is retried
	default:
		return media.ErrPartsNotFound
	}
}

func (x uploads) abort(
	ctx context.Context, tx pgx.Tx, cmd events.Command, end *media.EndParts, _ time.Time,
) (commands.Call, commands.Outcome, error) {
	_, _, upload, err := x.find(ctx, tx, cmd, end)
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
		if _, err := x.store.DeletePrefix(ctx, upload.TailPrefix()); err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx pgx.Tx, _ time.Time) (commands.Outcome, error) {
			upload.Status = media.PartsAborted
			return commands.NoContent(), postgres.SaveParts(ctx, tx, upload, media.PartsOpen, media.PartsCompleting)
		}, nil
	}, commands.Outcome{}, nil
}

// find returns an upload that was not aborted, of an item that waits for its file. A completed
// upload is found in any state of the item.
func (x uploads) find(
	ctx context.Context, tx pgx.Tx, cmd events.Command, end *media.EndParts,
) (media.Item, media.Facts, media.PartsUpload, error) {
	item, facts, err := x.load(ctx, tx, cmd)
	if err != nil {
		return item, facts, media.PartsUpload{}, err
	}
	if err := item.Authorize(facts.Actor); err != nil {
		return item, facts, media.PartsUpload{}, err
	}
	upload, found, err := postgres.FindParts(ctx, tx, item.ID, end.UploadID)
	switch {
	case err != nil:
	case !found || upload.Status == media.PartsAborted || upload.StoreID == "":
		err = media.ErrPartsNotFound
	case upload.Status != media.PartsCompleted:
		err = item.MayUpload(facts.Actor)
	}
	return item, facts, upload, err
}
