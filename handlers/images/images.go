package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	contentstore "github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/picture"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/svg"
	"github.com/codex-platform/codex/domain/organization"
	organizationstore "github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

const (
	formType = "multipart/form-data"
	// imageSlotWithin bounds the wait for a conversion; imageWithin is what a whole
	// upload may take.
	imageSlotWithin = 10 * time.Second
	imageWithin     = 2 * time.Minute
)

// The forms of uploads, for the description.
type (
	thumbnailForm struct {
		Thumbnail string `json:"thumbnail" jsonschema:"required,format=binary"`
	}
	avatarForm struct {
		Avatar string `json:"avatar" jsonschema:"required,format=binary"`
	}
	coverForm struct {
		Cover string `json:"cover" jsonschema:"required,format=binary"`
	}
	logoForm struct {
		Logo string `json:"logo" jsonschema:"required,format=binary"`
	}
)

var imageRefusals = []*domain.Error{
	media.ErrImageMissing, media.ErrImageTooLarge, media.ErrImageType, media.ErrImageDamaged, media.ErrImageGone, media.ErrNoImages,
}

const imageNotes = "The picture is stored as WebP, 200, 400 and 800 pixels wide (sm, md and lg; the address names lg) and never wider than it came; " +
	"what it says about where and how it was taken is removed."

func (i *images) routes() []edge.Route {
	thumbnails, organizations := []*domain.Error{content.ErrNotFound}, []*domain.Error{
		organization.ErrNotManager, organization.ErrNotMember, organization.ErrOrganizationNotFound,
	}
	return []edge.Route{
		{
			Method: "POST", Path: "/api/content/:id/thumbnail", Name: "uploadThumbnail", Summary: "Give an item a picture",
			Notes: "PNG, JPEG, WebP or GIF of at most 5 MiB. " + imageNotes, Auth: edge.Session(edge.Creators...), Body: thumbnailForm{}, BodyType: formType,
			Command: media.CommandAttachImage, Responses: []edge.Response{edge.Data[Thumbnail](http.StatusOK)}, Errors: append(thumbnails, imageRefusals...),
			Handle: i.upload(media.Thumbnail, i.ownContent),
		},
		{
			Method: "DELETE", Path: "/api/content/:id/thumbnail", Name: "removeThumbnail", Summary: "Take an item's picture away",
			Auth: edge.Session(edge.Creators...), Command: media.CommandRemoveImage, Responses: []edge.Response{edge.NoContent}, Errors: thumbnails,
			Handle: edge.SendForID(media.RemoveImage{Kind: media.Thumbnail}),
		},
		{
			Method:    "POST",
			Path:      "/api/categories/:id/cover",
			Name:      "uploadCategoryCover",
			Summary:   "Upload category cover",
			Notes:     "PNG, JPEG, WebP or GIF of at most 5 MiB. " + imageNotes,
			Auth:      edge.Session(edge.Creators...),
			Body:      coverForm{},
			BodyType:  formType,
			Command:   media.CommandAttachImage,
			Responses: []edge.Response{edge.Data[Cover](http.StatusOK)},
			Errors:    slices.Concat([]*domain.Error{content.ErrCategoryNotFound, content.ErrCategoryManager}, imageRefusals),
			Handle:    i.upload(media.Cover, i.managedCategory),
		},
		{
			Method: "POST", Path: "/api/user/avatar", Name: "uploadAvatar", Summary: "Give the caller a picture",
			Notes: "PNG, JPEG, WebP or GIF of at most 5 MiB. " + imageNotes, Auth: edge.Session(), Body: avatarForm{}, BodyType: formType,
			Command: media.CommandAttachImage, Responses: []edge.Response{edge.Data[Avatar](http.StatusOK)}, Errors: imageRefusals,
			Handle: i.upload(media.Avatar, func(c *edge.Request) (imageOwner, error) { return imageOwner{id: c.Actor().UserID}, nil }),
		},
		{
			Method: "DELETE", Path: "/api/user/avatar", Name: "removeAvatar", Summary: "Take the caller's picture away",
			Auth: edge.Session(), Command: media.CommandRemoveImage, Responses: []edge.Response{edge.NoContent}, Handle: i.removeAvatar,
		},
		{
			Method: "POST", Path: "/api/organizations/:id/settings/branding/logo", Name: "uploadLogo", Summary: "Give an organization a logo",
			Notes: "PNG, JPEG, WebP or SVG of at most 5 MiB. " + imageNotes + " An SVG stays one; what could act in it is removed.",
			Auth:  edge.Session(), Body: logoForm{}, BodyType: formType, Command: media.CommandAttachImage, Responses: []edge.Response{edge.Data[view.Branding](http.StatusOK)},
			Errors: slices.Concat(organizations, imageRefusals), Handle: i.upload(media.Logo, i.brandedOrganization),
		},
		{
			Method: "DELETE", Path: "/api/organizations/:id/settings/branding/logo", Name: "removeLogo", Summary: "Take an organization's logo away",
			Auth: edge.Session(), Command: media.CommandRemoveImage, Responses: []edge.Response{edge.Data[view.Branding](http.StatusOK)}, Errors: organizations,
			Handle: i.removeLogo,
		},
	}
}

// imageOwner is whose picture it will be; creator is the content's.
type imageOwner struct{ id, creator string }

// ownContent returns the caller's own item, which to everyone else is not there. The
// consumer looks again; this look spares the work.
func (i *images) ownContent(c *edge.Request) (imageOwner, error) {
	o := imageOwner{id: c.UUID("id"), creator: c.Actor().UserID}
	var found bool
	err := i.cfg.Pool.QueryRow(c, `SELECT true FROM content WHERE id = $1 AND creator_id = $2 AND deleted_at IS NULL`, o.id, o.creator).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, content.ErrNotFound
	}
	if err != nil {
		return o, fmt.Errorf("look up content: %w", err)
	}
	return o, nil
}

// managedCategory returns a category that the caller may change. The command decides again.
func (i *images) managedCategory(c *edge.Request) (imageOwner, error) {
	o := imageOwner{id: c.UUID("id")}
	return o, contentstore.MayChangeCategory(c, i.cfg.Pool, o.id, c.Actor().UserID, c.Actor().Role)
}

// brandedOrganization returns an organization that the caller manages.
func (i *images) brandedOrganization(c *edge.Request) (imageOwner, error) {
	actor := c.Actor()
	t, err := organizationstore.Admit(c, i.cfg.Pool, c.UUID("id"), organization.Authority{
		UserID: actor.UserID, Platform: organization.PlatformRole(actor.Role),
	}, true)
	return imageOwner{id: t.Organization.ID}, err
}

func (i *images) removeAvatar(c *edge.Request) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	return c.Send(c.Actor().UserID, media.RemoveImage{Kind: media.Avatar})
}

func (i *images) removeLogo(c *edge.Request) error {
	if err := c.NoBody(); err != nil {
		return err
	}
	owner, err := i.brandedOrganization(c)
	if err != nil {
		return err
	}
	return c.Send(owner.id, media.RemoveImage{Kind: media.Logo})
}

// imageSpace is the name space of image ids. An id follows from its command's, so a
// repetition of an upload under one Idempotency-Key names the same objects.
var imageSpace = uuid.MustParse("b8a7f9d0-52a1-5a5c-9b0e-6c1f6f5b7d21")

// upload serves the upload of a picture of a kind.
func (i *images) upload(kind media.ImageKind, ownerOf func(*edge.Request) (imageOwner, error)) func(*edge.Request) error {
	return func(c *edge.Request) error {
		if i.cfg.Maker == nil {
			return media.ErrNoImages
		}
		owner, err := ownerOf(c)
		if err != nil {
			return err
		}
		file, err := readPicture(c, kind)
		if err != nil {
			return err
		}
		id, err := c.CommandID(c.Actor().UserID)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(file.content)
		order := media.AttachImage{Kind: kind, ImageID: uuid.NewSHA1(imageSpace, []byte(id)).String(), Digest: hex.EncodeToString(sum[:])}
		cmd, err := c.NewCommand(media.CommandAttachImage, c.Actor().UserID, owner.id, order)
		if err != nil {
			return err
		}
		cmd.ID = id
		if c.IdempotencyKey() != "" {
			if reply, found, err := c.Replay(cmd); err != nil || found {
				if err == nil {
					c.WriteReply(reply)
				}
				return err
			}
		}
		if err := i.keep(c, owner, file, order); err != nil {
			return err
		}
		return c.SendCommand(cmd)
	}
}

// shownName is the object of a picture that its owner shows; a drawing has only one.
const shownName = "lg.webp"

// keep converts a picture, writes its record, and then its objects.
func (i *images) keep(c *edge.Request, owner imageOwner, file pictureFile, order media.AttachImage) error {
	made, err := i.convert(c, file)
	if err != nil {
		return err
	}
	image := media.Image{
		ID: order.ImageID, Kind: order.Kind, OwnerID: owner.id, Digest: order.Digest,
		Prefix: media.ImagePrefix(order.Kind, owner.creator, owner.id, order.ImageID), MIME: media.WebP,
	}
	shown := shownName
	if file.mime == media.SVG {
		shown, image.MIME = "logo.svg", media.SVG
	}
	image.Size, image.Address = int64(len(made[shown])), view.AssetsURL(i.cfg.AssetsURL, i.cfg.PublicURL)+"/"+image.Prefix+shown
	now := c.Now()
	recorded, err := postgres.RecordImage(c, i.cfg.Pool, image, now, now.Add(media.ImageAbandoned))
	if err != nil {
		return err
	}
	if !recorded {
		return media.ErrImageGone
	}
	for name, object := range made {
		if _, err := i.cfg.Store.Put(c, image.Prefix+name, bytes.NewReader(object), int64(len(object)), image.MIME); err != nil {
			return unavailable(c, err)
		}
	}
	return nil
}

// convert returns the objects of a picture by their names.
func (i *images) convert(ctx context.Context, file pictureFile) (map[string][]byte, error) {
	if file.mime == media.SVG {
		clean, err := svg.Sanitize(file.content)
		if err != nil {
			return nil, media.ErrImageDamaged
		}
		return map[string][]byte{"logo.svg": clean}, nil
	}
	slot := time.NewTimer(imageSlotWithin)
	defer slot.Stop()
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	case <-slot.C:
		return nil, edge.ErrUnavailable
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	made, err := i.cfg.Maker.Picture(ctx, file.content)
	var refused *ffmpeg.RejectError
	switch {
	case errors.As(err, &refused) && refused.Code == ffmpeg.TooLarge:
		return nil, media.ErrImageTooLarge
	case errors.As(err, &refused) && refused.Code == ffmpeg.TimedOut:
		return nil, edge.ErrUnavailable // our machine was too slow
	case errors.As(err, &refused):
		return nil, media.ErrImageDamaged
	case err != nil:
		return nil, err
	}
	objects := make(map[string][]byte, len(made))
	for name, object := range made {
		objects[name+".webp"] = object
	}
	return objects, nil
}

// fits checks a picture against the type that it is said to be of.
func (f pictureFile) fits(kind media.ImageKind) error {
	for _, allowed := range media.ImageTypes(kind) {
		if f.mime != allowed {
			continue
		}
		if f.mime == media.SVG {
			return nil // the sanitiser says
		}
		info, err := picture.Inspect(f.content)
		switch {
		case errors.Is(err, picture.ErrDamaged):
			return media.ErrImageDamaged
		case err != nil || info.MIME != f.mime:
			return media.ErrImageType
		}
		return nil
	}
	return media.ErrImageType
}

// unavailable reports that the store does not work now.
func unavailable(r *edge.Request, err error) error {
	r.Log().WarnContext(r, "object store unavailable", "error", err)
	return edge.ErrUnavailable
}
