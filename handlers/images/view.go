package images

// Thumbnail is a content item's picture.
type Thumbnail struct {
	ThumbnailURL string `json:"thumbnailUrl"`
	// Size, in bytes, and MimeType are those of the picture at the address.
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType" jsonschema:"example=image/webp"`
}

// Avatar is a user's picture.
type Avatar struct {
	AvatarURL string `json:"avatarUrl"`
	// Size, in bytes, and MimeType are those of the picture at the address.
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType" jsonschema:"example=image/webp"`
}

// Cover is a category's picture.
type Cover struct {
	CoverImageURL string `json:"coverImageUrl"`
	CoverImageKey string `json:"coverImageKey"`
	// Size, in bytes, and MimeType are those of the picture at the address.
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType" jsonschema:"example=image/webp"`
}
