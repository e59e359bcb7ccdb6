package media

import (
	"regexp"
	"strings"
)

// MaxUploadBytes is the size of the largest original: 5 GiB, the limit of one PUT.
const MaxUploadBytes = 5 << 30

const maxKeyLength = 500

// extensions maps the MIME types that may be uploaded to the extension of the stored original.
var extensions = map[string]string{
	"video/mp4":       "mp4",
	"video/quicktime": "mov",
	"video/x-msvideo": "avi",
	"video/webm":      "webm",
	"audio/mpeg":      "mp3",
	"audio/mp4":       "m4a",
	"audio/wav":       "wav",
	"audio/webm":      "weba",
	"audio/ogg":       "ogg",
}

// typeOfMime returns the type of media of a MIME type, "" when it may not be uploaded.
func typeOfMime(mime string) Type {
	if _, ok := extensions[mime]; !ok {
		return ""
	}
	kind, _, _ := strings.Cut(mime, "/")
	return Type(kind)
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*(\.[A-Za-z0-9]+)?$`)

// ValidKey reports whether a client in development may choose a key for an original: letters,
// digits, "/", "_" and "-", one optional extension, at most 500 characters, no empty segment.
func ValidKey(key string) bool { return len(key) <= maxKeyLength && plainKey.MatchString(key) }

// SafeKey reports whether a key is safe in paths and URLs: 1 to 500 bytes of visible ASCII, no
// "..", no empty segment, no backslash, and no per cent sign, which could encode one of these.
func SafeKey(key string) bool {
	if key == "" || len(key) > maxKeyLength || strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/") {
		return false
	}
	if strings.Contains(key, "..") || strings.Contains(key, "//") {
		return false
	}
	for i := range len(key) {
		if c := key[i]; c <= ' ' || c > '~' || c == '\\' || c == '%' {
			return false
		}
	}
	return true
}

// OriginalKey returns the key of an original: {creator}/originals/{media}/{upload}/source.{ext}.
func OriginalKey(creator, id, upload, mime string) string {
	return creator + "/originals/" + id + "/" + upload + "/source." + extensions[mime]
}

// Prefixes are those of the objects of an item. The first four are in the media bucket.
type Prefixes struct {
	Originals, HLS, Thumbnails, Waveforms string
	// MediaThumbnails is in the assets bucket.
	MediaThumbnails string
}

// PrefixesOf returns the prefixes of an item, each with a slash at its end, so that none matches
// objects of another item.
func PrefixesOf(creator, id string) Prefixes {
	of := func(area string) string { return creator + "/" + area + "/" + id + "/" }
	return Prefixes{
		Originals:       of("originals"),
		HLS:             of("hls"),
		Thumbnails:      of("thumbnails"),
		Waveforms:       of("waveforms"),
		MediaThumbnails: of("media-thumbnails"),
	}
}

// owns reports whether a key is below a prefix of the item: {creator}/{area}/{media}/….
func (i Item) owns(key string) bool {
	parts := strings.Split(key, "/")
	return SafeKey(key) && len(parts) >= 4 && parts[0] == i.CreatorID && parts[2] == i.ID
}
