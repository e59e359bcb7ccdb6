package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/svg"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

const (
	// slotTimeout limits the wait for a conversion, uploadTimeout a whole upload.
	slotTimeout   = 10 * time.Second
	uploadTimeout = 2 * time.Minute
)

// imageSpace is the UUID name space of image ids. They follow from the command's, so a
// repeated upload with the same Idempotency-Key names the same objects.
var imageSpace = uuid.MustParse("b8a7f9d0-52a1-5a5c-9b0e-6c1f6f5b7d21")

// upload handles the upload of a picture.
func (i *images) upload(kind media.ImageKind, find findOwner) func(*edge.Request) error {
	return func(r *edge.Request) error {
		if i.cfg.Maker == nil {
			return media.ErrNoImages
		}
		o, err := find(r)
		if err != nil {
			return err
		}
		file, err := readPicture(r, kind)
		if err != nil {
			return err
		}

		return i.attach(r, kind, o, sha256.Sum256(file.content), func() (pictureFile, error) { return file, nil })
	}
}

// attach stores a picture and makes it that of its owner. digest stands for the request, so that a
// repeated one with the same Idempotency-Key needs no picture.
func (i *images) attach(
	r *edge.Request, kind media.ImageKind, o owner, digest [sha256.Size]byte, read func() (pictureFile, error),
) error {
	id, err := r.CommandID(r.Actor().UserID)
	if err != nil {
		return err
	}
	attach := media.AttachImage{
		Kind:    kind,
		ImageID: uuid.NewSHA1(imageSpace, []byte(id)).String(),
		Digest:  hex.EncodeToString(digest[:]),
	}
	cmd, err := r.NewCommand(media.CommandAttachImage, r.Actor().UserID, o.id, attach)
	if err != nil {
		return err
	}
	cmd.ID = id
	if r.IdempotencyKey() != "" {
		reply, found, err := r.Replay(cmd)
		if err != nil {
			return err
		}
		if found {
			r.WriteReply(reply)
			return nil
		}
	}

	file, err := read()
	if err != nil {
		return err
	}
	if err := i.store(r, o, file, attach); err != nil {
		return err
	}
	return r.SendCommand(cmd)
}

// store converts a picture, writes its record, and then its objects.
func (i *images) store(r *edge.Request, o owner, file pictureFile, attach media.AttachImage) error {
	objects, err := i.convert(r, r.Actor().UserID, file)
	if err != nil {
		return err
	}

	image := media.Image{
		ID:      attach.ImageID,
		Kind:    attach.Kind,
		OwnerID: o.id,
		Digest:  attach.Digest,
		Prefix:  media.ImagePrefix(attach.Kind, o.creator, o.id, attach.ImageID),
		MIME:    media.WebP,
	}
	shown := shownName
	if file.mime == media.SVG {
		shown = "logo.svg"
		image.MIME = media.SVG
	}
	image.Size = int64(len(objects[shown]))
	image.Address = view.AssetsURL(i.cfg.AssetsURL, i.cfg.PublicURL) + "/" + image.Prefix + shown
	now := r.Now()
	recorded, err := postgres.RecordImage(r, i.cfg.Pool, image, now, now.Add(media.ImageAbandoned))
	if err != nil {
		return err
	}
	if !recorded {
		return media.ErrImageGone
	}

	for name, object := range objects {
		_, err := i.cfg.Store.Put(r, image.Prefix+name, bytes.NewReader(object), int64(len(object)), image.MIME)
		if err != nil {
			return unavailable(r, err)
		}
	}
	return nil
}

// shownName is the object of a picture that its owner shows; a drawing has only one.
const shownName = "lg.webp"

// convert returns the objects of a user's picture by their names.
func (i *images) convert(ctx context.Context, user string, file pictureFile) (map[string][]byte, error) {
	if file.mime == media.SVG {
		clean, err := svg.Sanitize(file.content)
		if err != nil {
			return nil, media.ErrImageDamaged
		}
		return map[string][]byte{"logo.svg": clean}, nil
	}

	release, err := i.slot(ctx, user)
	if err != nil {
		return nil, err
	}
	defer release()
	sizes, err := i.cfg.Maker.Picture(ctx, file.content)
	if err != nil {
		return nil, conversionError(err)
	}

	objects := make(map[string][]byte, len(sizes))
	for size, object := range sizes {
		objects[size+".webp"] = object
	}
	return objects, nil
}

// slot waits, for slotTimeout at most, for the user's turn and then for a place among all
// conversions. It fails with [edge.ErrUnavailable] when there is none.
func (i *images) slot(ctx context.Context, user string) (release func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, slotTimeout)
	defer cancel()
	endTurn, err := i.turns.take(waiting, user)
	if err == nil {
		select {
		case i.slots <- struct{}{}:
			return func() { <-i.slots; endTurn() }, nil
		case <-waiting.Done():
			endTurn()
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, edge.ErrUnavailable
}

// conversionError maps an error of the conversion to one for the client.
func conversionError(err error) error {
	var reject *ffmpeg.RejectError
	if !errors.As(err, &reject) {
		return err
	}
	switch reject.Code {
	case ffmpeg.TooLarge:
		return media.ErrImageTooLarge
	case ffmpeg.TimedOut:
		return edge.ErrUnavailable // the machine was too slow
	default:
		return media.ErrImageDamaged
	}
}

// unavailable logs an error of the store and returns one for the client.
func unavailable(r *edge.Request, err error) error {
	r.Log().WarnContext(r, "object store unavailable", "error", err)
	return edge.ErrUnavailable
}
