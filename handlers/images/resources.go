package images

import (
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

// resources are what the responses to the commands of pictures show.
func (i *images) resources() []edge.Resource {
	return []edge.Resource{
		{Commands: []string{media.CommandAttachImage}, Read: i.readImage},
		{Commands: []string{media.CommandRemoveImage}, Read: i.readLogo},
	}
}

// readImage reads a picture for those who may change it.
func (i *images) readImage(r *edge.Request, id string) (any, error) {
	image, found, err := postgres.FindImage(r, i.cfg.Pool, id)
	if err == nil && !found {
		err = media.ErrImageNotFound
	}
	if err == nil {
		err = i.mayChange(r, image)
	}
	if err != nil {
		return nil, err
	}
	return edge.Single{Data: imageView(image)}, nil
}

// mayChange is the error of a user who may not change the picture of an owner.
func (i *images) mayChange(r *edge.Request, image media.Image) error {
	var err error
	switch image.Kind {
	case media.Thumbnail:
		_, err = i.contentOfCaller(r, image.OwnerID)
	case media.Cover:
		_, err = i.category(r, image.OwnerID)
	case media.Poster:
		_, err = i.mediaOfCaller(r, image.OwnerID)
	case media.Logo:
		_, err = i.tenant(r, image.OwnerID)
	default:
		if image.OwnerID != r.Actor().UserID {
			err = media.ErrImageNotFound
		}
	}
	return err
}

// imageView is the response to the upload of a picture.
func imageView(image media.Image) any {
	switch image.Kind {
	case media.Logo:
		return view.BrandingOf(&image.Address)
	case media.Avatar:
		return Avatar{AvatarURL: image.Address, Size: image.Size, MimeType: image.MIME}
	case media.Poster:
		return Poster{PosterURL: image.Address, Size: image.Size, MimeType: image.MIME}
	case media.Cover:
		return Cover{
			CoverImageURL: image.Address,
			CoverImageKey: image.Prefix + shownName,
			Size:          image.Size,
			MimeType:      image.MIME,
		}
	default:
		return Thumbnail{ThumbnailURL: image.Address, Size: image.Size, MimeType: image.MIME}
	}
}

// readLogo reads the branding of an organization after the removal of its logo.
func (i *images) readLogo(r *edge.Request, organizationID string) (any, error) {
	t, err := i.tenant(r, organizationID)
	if err != nil {
		return nil, err
	}
	return edge.Single{Data: view.BrandingOf(t.Organization.LogoURL)}, nil
}
