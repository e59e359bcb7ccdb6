package edge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/picture"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/domain/media/svg"
	"github.com/codex-platform/codex/domain/organization"
	"github.com/codex-platform/codex/handlers/wire"
)

// PictureMaker turns an uploaded picture into WebP: by the names sm, md and lg.
type PictureMaker interface {
	// Picture returns a *ffmpeg.RejectError when the picture is at fault.
	Picture(ctx context.Context, content []byte) (map[string][]byte, error)
}

// ImageConfig is what the pictures need beyond the edge's own configuration.
type ImageConfig struct {
	// Store is the bucket of assets.
	Store *s3.Bucket
	// Maker converts pictures; without one, uploads are refused with 503.
	Maker PictureMaker
	// AssetsURL is where clients find the bucket, without a trailing slash: a CDN.
	// Default: this edge, which serves it under /assets.
	AssetsURL string
	// Conversions is how many pictures are converted at once; default 2.
	Conversions int
}

// ImageRoutes serves the pictures of users, organizations and content.
//
// An upload goes: who may → read → convert → record → put → command. What fails on
// the way leaves at most objects with a record and nobody who refers to them, which
// the sweep removes. The names of objects are never used twice, so what is cached
// under one is what it always was.
type ImageRoutes struct {
	store  *s3.Bucket
	maker  PictureMaker
	assets string
	slots  chan struct{}
}

// NewImageRoutes returns the routes of pictures.
func NewImageRoutes(cfg ImageConfig) *ImageRoutes {
	if cfg.Conversions <= 0 {
		cfg.Conversions = 2
	}
	return &ImageRoutes{
		store: cfg.Store, maker: cfg.Maker, assets: strings.TrimSuffix(cfg.AssetsURL, "/"), slots: make(chan struct{}, cfg.Conversions),
	}
}

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
	logoForm struct {
		Logo string `json:"logo" jsonschema:"required,format=binary"`
	}
)

var imageRefusals = []*domain.Error{
	media.ErrImageMissing, media.ErrImageTooLarge, media.ErrImageType, media.ErrImageDamaged, media.ErrImageGone, media.ErrNoImages,
}

const imageNotes = "The picture is stored as WebP, 200, 400 and 800 pixels wide (sm, md and lg; the address names lg) and never wider than it came; " +
	"what it says about where and how it was taken is removed."

// Routes implements [Resource].
func (m *ImageRoutes) Routes(e *Edge) []Route {
	thumbnails, organizations := []*domain.Error{content.ErrNotFound}, append([]*domain.Error{organization.ErrNotManager}, tenantRefusals...)
	return []Route{
		{
			Method: "POST", Path: "/api/content/:id/thumbnail", Name: "uploadThumbnail", Summary: "Give an item a picture",
			Notes: "PNG, JPEG, WebP or GIF of at most 5 MiB. " + imageNotes, Who: withSession(creators...), Body: thumbnailForm{}, BodyType: formType,
			Command: true, Answers: []Answer{single[wire.Thumbnail](http.StatusOK)}, Refusals: append(thumbnails, imageRefusals...),
			Handle: m.upload(e, media.Thumbnail, e.ownContent),
		},
		{
			Method: "DELETE", Path: "/api/content/:id/thumbnail", Name: "removeThumbnail", Summary: "Take an item's picture away",
			Who: withSession(creators...), Command: true, Answers: []Answer{noContent}, Refusals: thumbnails,
			Handle: e.change("image.remove", media.RemoveImage{Kind: media.Thumbnail}),
		},
		{
			Method: "POST", Path: "/api/user/avatar", Name: "uploadAvatar", Summary: "Give the caller a picture",
			Notes: "PNG, JPEG, WebP or GIF of at most 5 MiB. " + imageNotes, Who: withSession(), Body: avatarForm{}, BodyType: formType,
			Command: true, Answers: []Answer{single[wire.Avatar](http.StatusOK)}, Refusals: imageRefusals,
			Handle: m.upload(e, media.Avatar, func(c *gin.Context) (imageOwner, error) { return imageOwner{id: mustActor(c).UserID}, nil }),
		},
		{
			Method: "DELETE", Path: "/api/user/avatar", Name: "removeAvatar", Summary: "Take the caller's picture away",
			Who: withSession(), Command: true, Answers: []Answer{noContent}, Handle: e.removeAvatar,
		},
		{
			Method: "POST", Path: "/api/organizations/:id/settings/branding/logo", Name: "uploadLogo", Summary: "Give an organization a logo",
			Notes: "PNG, JPEG, WebP or SVG of at most 5 MiB. " + imageNotes + " An SVG stays one; what could act in it is removed.",
			Who:   withSession(), Body: logoForm{}, BodyType: formType, Command: true, Answers: []Answer{single[wire.Branding](http.StatusOK)},
			Refusals: slices.Concat(organizations, imageRefusals), Handle: m.upload(e, media.Logo, e.brandedOrganization),
		},
		{
			Method: "DELETE", Path: "/api/organizations/:id/settings/branding/logo", Name: "removeLogo", Summary: "Take an organization's logo away",
			Who: withSession(), Command: true, Answers: []Answer{single[wire.Branding](http.StatusOK)}, Refusals: organizations,
			Handle: e.removeLogo,
		},
	}
}

// imageOwner is whose picture it will be; creator is the content's.
type imageOwner struct{ id, creator string }

// ownContent returns the caller's own item, which to everyone else is not there. The
// consumer looks again; this look spares the work.
func (e *Edge) ownContent(c *gin.Context) (imageOwner, error) {
	o := imageOwner{id: paramsOf(c).uuid("id"), creator: mustActor(c).UserID}
	var found bool
	err := e.cfg.Pool.QueryRow(c, `SELECT true FROM content WHERE id = $1 AND creator_id = $2 AND deleted_at IS NULL`, o.id, o.creator).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, content.ErrNotFound
	}
	if err != nil {
		return o, fmt.Errorf("look up content: %w", err)
	}
	return o, nil
}

// brandedOrganization returns an organization that the caller manages.
func (e *Edge) brandedOrganization(c *gin.Context) (imageOwner, error) {
	t, err := e.pathTenant(c, true)
	return imageOwner{id: t.organization.ID}, err
}

func (e *Edge) removeAvatar(c *gin.Context) error {
	if err := noBody(c); err != nil {
		return err
	}
	return e.apply(c, "image.remove", mustActor(c).UserID, media.RemoveImage{Kind: media.Avatar})
}

func (e *Edge) removeLogo(c *gin.Context) error {
	if err := noBody(c); err != nil {
		return err
	}
	owner, err := e.brandedOrganization(c)
	if err != nil {
		return err
	}
	return e.apply(c, "image.remove", owner.id, media.RemoveImage{Kind: media.Logo})
}

// imageSpace is the name space of image ids. An id follows from its command's, so a
// repetition of an upload under one Idempotency-Key names the same objects.
var imageSpace = uuid.MustParse("b8a7f9d0-52a1-5a5c-9b0e-6c1f6f5b7d21")

// upload serves the upload of a picture of a kind.
func (m *ImageRoutes) upload(e *Edge, kind media.ImageKind, ownerOf func(*gin.Context) (imageOwner, error)) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if m.maker == nil {
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
		id, err := commandID(c, mustActor(c).UserID)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(file.content)
		order := media.AttachImage{Kind: kind, ImageID: uuid.NewSHA1(imageSpace, []byte(id)).String(), Digest: hex.EncodeToString(sum[:])}
		cmd, err := e.command(c, "image.attach", mustActor(c).UserID, owner.id, order)
		if err != nil {
			return err
		}
		cmd.ID = id
		if c.GetHeader("Idempotency-Key") != "" {
			if reply, found, err := e.stored(c, cmd); err != nil || found {
				if err == nil {
					writeReply(c, reply)
				}
				return err
			}
		}
		if err := m.keep(e, c, owner, file, order); err != nil {
			return err
		}
		return e.answer(c, cmd)
	}
}

// keep converts a picture, writes its record, and then its objects.
func (m *ImageRoutes) keep(e *Edge, c *gin.Context, owner imageOwner, file pictureFile, order media.AttachImage) error {
	made, err := m.convert(c, file)
	if err != nil {
		return err
	}
	image := media.Image{
		ID: order.ImageID, Kind: order.Kind, OwnerID: owner.id, Digest: order.Digest,
		Prefix: media.ImagePrefix(order.Kind, owner.creator, owner.id, order.ImageID), MIME: media.WebP,
	}
	shown := "lg.webp"
	if file.mime == media.SVG {
		shown, image.MIME = "logo.svg", media.SVG
	}
	image.Size, image.Address = int64(len(made[shown])), m.base(e)+"/"+image.Prefix+shown
	now := e.now()
	recorded, err := postgres.RecordImage(c, e.cfg.Pool, image, now, now.Add(media.ImageAbandoned))
	if err != nil {
		return err
	}
	if !recorded {
		return media.ErrImageGone
	}
	for name, object := range made {
		if _, err := m.store.Put(c, image.Prefix+name, bytes.NewReader(object), int64(len(object)), image.MIME); err != nil {
			return storeRefusal(c, e.cfg.Log, err)
		}
	}
	return nil
}

// base is where the bucket of assets is found.
func (m *ImageRoutes) base(e *Edge) string {
	if m.assets != "" {
		return m.assets
	}
	return e.cfg.PublicURL + "/assets"
}

// convert returns the objects of a picture by their names.
func (m *ImageRoutes) convert(ctx context.Context, file pictureFile) (map[string][]byte, error) {
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
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-slot.C:
		return nil, errUnavailable
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	made, err := m.maker.Picture(ctx, file.content)
	var refused *ffmpeg.RejectError
	switch {
	case errors.As(err, &refused) && refused.Code == ffmpeg.TooLarge:
		return nil, media.ErrImageTooLarge
	case errors.As(err, &refused) && refused.Code == ffmpeg.TimedOut:
		return nil, errUnavailable // our machine was too slow
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
