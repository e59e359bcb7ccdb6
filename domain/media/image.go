package media

import (
	"regexp"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
)

// The names of the commands about pictures. Their payloads are the structs of the same
// names.
const (
	CommandAttachImage = "image.attach"
	CommandRemoveImage = "image.remove"
)

// ImageKind says whose picture an image is.
type ImageKind string

// The kinds of images: a user's, an organization's, a content item's and a category's.
const (
	Avatar    ImageKind = "avatar"
	Logo      ImageKind = "logo"
	Thumbnail ImageKind = "thumbnail"
	Cover     ImageKind = "cover"
)

// MaxImageBytes is the largest picture that may be uploaded, 5 MiB.
const MaxImageBytes = 5 << 20

// The MIME types of pictures. A logo may be a drawing, and does not move.
const (
	SVG  = "image/svg+xml"
	WebP = "image/webp"
)

var imageTypes = map[ImageKind][]string{
	Avatar:    {"image/png", "image/jpeg", WebP, "image/gif"},
	Thumbnail: {"image/png", "image/jpeg", WebP, "image/gif"},
	Cover:     {"image/png", "image/jpeg", WebP, "image/gif"},
	Logo:      {"image/png", "image/jpeg", WebP, SVG},
}

// ImageTypes are the MIME types in which a picture of a kind may be uploaded.
func ImageTypes(kind ImageKind) []string { return imageTypes[kind] }

// The refusals of pictures, all before anything is stored.
var (
	ErrImageMissing  = refuse(domain.Invalid, "EMPTY_BODY", "The picture is missing")
	ErrImageTooLarge = refuse(domain.Invalid, "FILE_TOO_LARGE", "The picture is larger than 5 MiB, or has more than 40 megapixels")
	ErrImageType     = refuse(domain.Invalid, CodeInvalidContentType, "Pictures of this type cannot be used here, or the file is not of the type that it is said to be")
	ErrImageDamaged  = refuse(domain.Invalid, "INVALID_IMAGE", "The picture is damaged, moves, or cannot be made safe")
	ErrNoImages      = domain.Refuse(domain.Unavailable, "IMAGES_UNAVAILABLE", "This server cannot convert pictures; its operator has to install ffmpeg")
	// ErrImageGone : the picture was uploaded too long before it was put to use, and is swept.
	ErrImageGone = domain.Refuse(domain.Conflict, "IMAGE_GONE", "The picture was not put to use in time; upload it again")
)

// Image is one uploaded picture. Its record is written before its objects are put,
// and its owner refers to it by address once they are there; an image to which
// nobody refers is swept.
type Image struct {
	// ID is the version in the names of its objects: they never change.
	ID   string
	Kind ImageKind
	// OwnerID is the user, organization, content item or category.
	OwnerID string
	// Prefix is where its objects lie, with a slash at the end.
	Prefix string
	// Address is the one that its owner shows.
	Address string
	// MIME and Size, in bytes, are those of the object behind Address.
	MIME string
	Size int64
	// Digest is the SHA-256 of the upload, in hex.
	Digest string
}

// ImagePrefix is where the objects of an image lie in the bucket of assets:
//
//	avatars/{user}/{version}/  logos/{organization}/{version}/  categories/{category}/{version}/
//	{creator}/content-thumbnails/{content}/{version}/
//
// creator is the content's; the other kinds have none.
func ImagePrefix(kind ImageKind, creator, owner, version string) string {
	switch kind {
	case Avatar:
		return "avatars/" + owner + "/" + version + "/"
	case Logo:
		return "logos/" + owner + "/" + version + "/"
	case Cover:
		return "categories/" + owner + "/" + version + "/"
	default:
		return creator + "/content-thumbnails/" + owner + "/" + version + "/"
	}
}

// ImageAbandoned is how long after its record was written an image that nobody
// refers to is swept: far longer than an upload and its command take.
const ImageAbandoned = time.Hour

// ImageRetired is how long an image that was replaced stays, for pages and caches
// that still name it.
const ImageRetired = time.Hour

var publicAsset = regexp.MustCompile(
	`^(?:(?:avatars|logos|categories)|[A-Za-z0-9-]{1,64}/(?:content|media)-thumbnails)/[A-Za-z0-9-]{1,64}/(?:[A-Za-z0-9-]{1,64}/)?[a-z-]{1,32}\.(webp|svg)$`)

// AssetType returns the MIME type of an object that everybody may see, by its key;
// ok is false for every key that is not one of a picture for the public.
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

// AttachImage is the command image.attach: the picture of its aggregate, the owner,
// is this one from now on.
type AttachImage struct {
	Kind    ImageKind `json:"kind"`
	ImageID string    `json:"imageId"`
	// Digest is the upload's, so that one Idempotency-Key stands for one picture.
	Digest string `json:"digest"`
}

// RemoveImage is the command image.remove: its aggregate has no picture any more.
type RemoveImage struct {
	Kind ImageKind `json:"kind"`
}
