package images

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/content"
	contentstore "github.com/codex-platform/codex/domain/content/postgres"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/organization"
	organizationstore "github.com/codex-platform/codex/domain/organization/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

// The forms of uploads, for the OpenAPI description.
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

const (
	bitmapNotes = "PNG, JPEG, WebP or GIF of at most 5 MiB. " + storedNotes
	logoNotes   = "PNG, JPEG, WebP or SVG of at most 5 MiB. " + storedNotes + " An SVG is sanitized and stays an SVG."
	storedNotes = "The picture is stored as WebP, 200, 400 and 800 pixels wide (sm, md and lg; the URL is that of lg) " +
		"and never enlarged; its metadata is removed."
)

var (
	uploadErrors = []*domain.Error{
		media.ErrImageMissing,
		media.ErrImageTooLarge,
		media.ErrImageType,
		media.ErrImageDamaged,
		media.ErrImageGone,
		media.ErrNoImages,
	}
	thumbnailErrors = []*domain.Error{content.ErrNotFound, content.ErrOrganization}
	logoErrors      = []*domain.Error{
		organization.ErrNotManager,
		organization.ErrNotMember,
		organization.ErrOrganizationNotFound,
	}
)

func (i *images) routes() []edge.Route {
	return []edge.Route{
		{
			Method:    http.MethodPost,
			Path:      "/api/content/:id/thumbnail",
			Name:      "uploadThumbnail",
			Summary:   "Upload a thumbnail",
			Notes:     bitmapNotes,
			Auth:      edge.Session(edge.Creators...),
			Body:      thumbnailForm{},
			BodyType:  formType,
			Command:   media.CommandAttachImage,
			Responses: []edge.Response{edge.Data[Thumbnail](http.StatusOK)},
			Errors:    slices.Concat(thumbnailErrors, uploadErrors),
			Handle:    i.upload(media.Thumbnail, i.ownContent),
		},
		{
			Method:    http.MethodDelete,
			Path:      "/api/content/:id/thumbnail",
			Name:      "removeThumbnail",
			Summary:   "Remove a thumbnail",
			Auth:      edge.Session(edge.Creators...),
			Command:   media.CommandRemoveImage,
			Responses: []edge.Response{edge.NoContent},
			Errors:    thumbnailErrors,
			Handle:    edge.SendForID(media.RemoveImage{Kind: media.Thumbnail}),
		},
		{
			Method:    http.MethodPost,
			Path:      "/api/categories/:id/cover",
			Name:      "uploadCategoryCover",
			Summary:   "Upload category cover",
			Notes:     bitmapNotes,
			Auth:      edge.Session(edge.Creators...),
			Body:      coverForm{},
			BodyType:  formType,
			Command:   media.CommandAttachImage,
			Responses: []edge.Response{edge.Data[Cover](http.StatusOK)},
			Errors:    slices.Concat([]*domain.Error{content.ErrCategoryNotFound, content.ErrCategoryManager}, uploadErrors),
			Handle:    i.upload(media.Cover, i.managedCategory),
		},
		{
			Method:    http.MethodPost,
			Path:      "/api/user/avatar",
			Name:      "uploadAvatar",
			Summary:   "Upload an avatar",
			Notes:     bitmapNotes,
			Auth:      edge.Session(),
			Body:      avatarForm{},
			BodyType:  formType,
			Command:   media.CommandAttachImage,
			Responses: []edge.Response{edge.Data[Avatar](http.StatusOK)},
			Errors:    uploadErrors,
			Handle:    i.upload(media.Avatar, caller),
		},
		{
			Method:    http.MethodDelete,
			Path:      "/api/user/avatar",
			Name:      "removeAvatar",
			Summary:   "Remove an avatar",
			Auth:      edge.Session(),
			Command:   media.CommandRemoveImage,
			Responses: []edge.Response{edge.NoContent},
			Handle:    remove(media.Avatar, caller),
		},
		{
			Method:    http.MethodPost,
			Path:      "/api/organizations/:id/settings/branding/logo",
			Name:      "uploadLogo",
			Summary:   "Upload a logo",
			Notes:     logoNotes,
			Auth:      edge.Session(),
			Body:      logoForm{},
			BodyType:  formType,
			Command:   media.CommandAttachImage,
			Responses: []edge.Response{edge.Data[view.Branding](http.StatusOK)},
			Errors:    slices.Concat(logoErrors, uploadErrors),
			Handle:    i.upload(media.Logo, i.managedOrganization),
		},
		{
			Method:    http.MethodDelete,
			Path:      "/api/organizations/:id/settings/branding/logo",
			Name:      "removeLogo",
			Summary:   "Remove a logo",
			Auth:      edge.Session(),
			Command:   media.CommandRemoveImage,
			Responses: []edge.Response{edge.Data[view.Branding](http.StatusOK)},
			Errors:    logoErrors,
			Handle:    remove(media.Logo, i.managedOrganization),
		},
	}
}

// owner is what shows a picture: a user, an organization, content or a category.
type owner struct {
	id string
	// creator is the creator of content, "" for other owners.
	creator string
}

// findOwner returns the owner that a request names, when the caller may change its picture.
type findOwner func(*edge.Request) (owner, error)

func caller(r *edge.Request) (owner, error) { return owner{id: r.Actor().UserID}, nil }

// ownContent returns the caller's own item. The command checks it again; checking it here
// saves the conversion.
func (i *images) ownContent(r *edge.Request) (owner, error) {
	return i.contentOfCaller(r, r.UUID("id"))
}

func (i *images) contentOfCaller(r *edge.Request, id string) (owner, error) {
	o := owner{id: id, creator: r.Actor().UserID}
	var found bool
	err := i.cfg.Pool.QueryRow(r,
		`SELECT true FROM content WHERE id = $1 AND creator_id = $2 AND deleted_at IS NULL`, o.id, o.creator).Scan(&found)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return o, content.ErrNotFound
	case err != nil:
		return o, fmt.Errorf("read content: %w", err)
	default:
		return o, nil
	}
}

// managedCategory returns a category that the caller may change. The command checks it again.
func (i *images) managedCategory(r *edge.Request) (owner, error) {
	return i.category(r, r.UUID("id"))
}

func (i *images) category(r *edge.Request, id string) (owner, error) {
	return owner{id: id}, contentstore.MayChangeCategory(r, i.cfg.Pool, id, r.Actor().UserID, r.Actor().Role)
}

// managedOrganization returns an organization that the caller manages.
func (i *images) managedOrganization(r *edge.Request) (owner, error) {
	t, err := i.tenant(r, r.UUID("id"))
	return owner{id: t.Organization.ID}, err
}

// tenant returns an organization that the caller manages.
func (i *images) tenant(r *edge.Request, id string) (organizationstore.Tenant, error) {
	actor := r.Actor()
	return organizationstore.Admit(r, i.cfg.Pool, id, organization.Authority{
		UserID:   actor.UserID,
		Platform: organization.PlatformRole(actor.Role),
	}, true)
}

// remove handles the removal of a picture.
func remove(kind media.ImageKind, find findOwner) func(*edge.Request) error {
	return func(r *edge.Request) error {
		if err := r.NoBody(); err != nil {
			return err
		}
		o, err := find(r)
		if err != nil {
			return err
		}
		return r.Send(o.id, media.RemoveImage{Kind: kind})
	}
}
