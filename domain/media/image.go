package media

import (
	"regexp"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
)

// The names of the commands about images. Their payloads are the structs of the same names.
const (
	CommandAttachImage = "image.attach"
	CommandRemoveImage = "image.remove"
)

// ImageKind is the kind of an image by its owner.
type ImageKind string

// The kinds of images: a user's, an organization's, a content item's, a category's and a media item's.
const (
	Avatar    ImageKind = "avatar"
	Logo      ImageKind = "logo"
	Thumbnail ImageKind = "thumbnail"
	Cover     ImageKind = "cover"
	Poster    ImageKind = "poster"
)

// MaxImageBytes is the largest picture that may be uploaded, 5 MiB.
const MaxImageBytes = 5 << 20

// MIME types. Only a logo may be an SVG, and it is never animated.
const (
	SVG  = "image/svg+xml"
	WebP = "image/webp"
)

var imageTypes = map[ImageKind][]string{
	Avatar:    {"image/png", "image/jpeg", WebP, "image/gif"},
	Thumbnail: {"image/png", "image/jpeg", WebP, "image/gif"},
	Cover:     {"image/png", "image/jpeg", WebP, "image/gif"},
	Poster:    {"image/png", "image/jpeg", WebP, "image/gif"},
	Logo:      {"image/png", "image/jpeg", WebP, SVG},
}

// ImageTypes returns the MIME types in which an image of a kind may be uploaded.
func ImageTypes(kind ImageKind) []string { return imageTypes[kind] }

// The errors of images.
var (
	ErrImageMissing  = newError(domain.Invalid, "EMPTY_BODY", "The picture is missing")
	ErrImageTooLarge = newError(domain.Invalid, "FILE_TOO_LARGE",
		"The picture is larger than 5 MiB, or has more than 40 megapixels")
	ErrImageType = newError(domain.Invalid, CodeInvalidContentType,
		"Pictures of this type cannot be used here, or the file is not of its declared type")
	ErrImageDamaged = newError(domain.Invalid, "INVALID_IMAGE", "The picture is damaged, animated, or cannot be made safe")
	ErrNoImages     = domain.NewError(domain.Unavailable, "IMAGES_UNAVAILABLE",
		"This server cannot convert pictures; its operator has to install ffmpeg")
	// ErrImageGone: the picture was swept because it was not attached in time.
	ErrImageGone = domain.NewError(domain.Conflict, "IMAGE_GONE",
		"The picture was not attached in time; upload it again")
	// ErrImageNotFound: the picture was replaced or removed.
	ErrImageNotFound = domain.Missing("IMAGE_NOT_FOUND", "Picture")
)

// Image is one uploaded picture. Its record is written before its objects; then its owner refers to
// it by its URL. An image without a reference is swept.
type Image struct {
	// ID is the version in the names of its objects, which never change.
	ID   string
	Kind ImageKind
	// OwnerID is the user, organization, content item, category or media item.
	OwnerID string
	// Prefix is that of its objects, with a slash at the end.
	Prefix string
	// Address is the URL that its owner shows.
	Address string
	// MIME and Size, in bytes, are those of the object at Address.
	MIME string
	Size int64
	// Digest is the SHA-256 of the upload, in hex.
	Digest string
}

// ImagePrefix returns the prefix of the objects of an image in the bucket of assets:
//
//	avatars/{user}/{version}/  logos/{organization}/{version}/  categories/{category}/{version}/
//	{creator}/content-thumbnails/{content}/{version}/  {creator}/media-thumbnails/{media}/{version}/
//
// creator is the content's or the media item's; the other kinds have none.
func ImagePrefix(kind ImageKind, creator, owner, version string) string {
	switch kind {
	case Avatar:
		return "avatars/" + owner + "/" + version + "/"
	case Logo:
		return "logos/" + owner + "/" + version + "/"
	case Cover:
		return "categories/" + owner + "/" + version + "/"
	case Poster:
		return PrefixesOf(creator, owner).MediaThumbnails + version + "/"
	default:
		return creator + "/content-thumbnails/" + owner + "/" + version + "/"
	}
}

// ImageAbandoned is the age at which a new image without a reference is swept: far more than an
// upload and its command take.
const ImageAbandoned = time.Hour

// ImageRetired is how long a replaced image is kept for pages and caches that refer to it.
const ImageRetired = time.Hour

var publicAsset = regexp.MustCompile(
	`^(?:(?:avatars|logos|categories)|[A-Za-z0-9-]{1,64}/(?:content|media)-thumbnails)/` +
		`[A-Za-z0-9-]{1,64}/(?:[A-Za-z0-9-]{1,64}/)?[a-z-]{1,32}\.(webp|svg)$`)

// AssetType returns the MIME type of a public picture by its key; ok is false for other keys.
func AssetType(key string) (mime string, ok bool) {
	match := publicAsset.FindStringSubmatch(key)
	if match == nil || !SafeKey(key) {
		return "", false
	}
	if match[1] == "svg" {
		return SVG, strings.HasPrefix(key, "logos/")
	}
	return WebP, true
}

// AttachImage is the command image.attach, which makes an image the picture of the aggregate.
type AttachImage struct {
	Kind    ImageKind `json:"kind"`
	ImageID string    `json:"imageId"`
	// Digest is that of the upload, so that an Idempotency-Key stands for one picture.
	Digest string `json:"digest"`
}

// RemoveImage is the command image.remove, which removes the picture of the aggregate.
type RemoveImage struct {
	Kind ImageKind `json:"kind"`
}
