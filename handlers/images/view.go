package images

// Thumbnail is the picture of a content item.
type Thumbnail struct {
	ThumbnailURL string `json:"thumbnailUrl"`
	// Size is in bytes, like MimeType of the picture at the URL.
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType" jsonschema:"example=image/webp"`
}

// Avatar is the picture of a user.
type Avatar struct {
	AvatarURL string `json:"avatarUrl"`
	// Size is in bytes, like MimeType of the picture at the URL.
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

// Poster is the picture of a media item.
type Poster struct {
	// PosterURL is that of the largest size.
	PosterURL string `json:"posterUrl"`
	// Size is in bytes.
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType"`
}
