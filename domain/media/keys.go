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

	"video/x-matroska": "mkv",
	"video/mp2t":       "ts",
	"video/mpeg":       "mpg",
	"video/ogg":        "ogv",
	"audio/flac":       "flac",
	"audio/aiff":       "aiff",
	"audio/aac":        "aac",
}

// aliases maps the names that browsers and operating systems give to the types of files.
var aliases = map[string]string{
	"video/x-m4v":             "video/mp4",
	"video/m4v":               "video/mp4",
	"video/mpeg4":             "video/mp4",
	"video/3gpp":              "video/mp4",
	"video/3gpp2":             "video/mp4",
	"video/3gp":               "video/mp4",
	"video/mov":               "video/quicktime",
	"video/x-quicktime":       "video/quicktime",
	"video/avi":               "video/x-msvideo",
	"video/msvideo":           "video/x-msvideo",
	"video/vnd.avi":           "video/x-msvideo",
	"video/divx":              "video/x-msvideo",
	"video/matroska":          "video/x-matroska",
	"video/mkv":               "video/x-matroska",
	"video/x-mkv":             "video/x-matroska",
	"video/mp2p":              "video/mpeg",
	"video/mpg":               "video/mpeg",
	"video/x-mpeg":            "video/mpeg",
	"video/mpeg2":             "video/mpeg",
	"video/vnd.dlna.mpeg-tts": "video/mp2t",
	"video/x-mpeg-ts":         "video/mp2t",
	"video/m2ts":              "video/mp2t",
	"video/theora":            "video/ogg",
	"audio/mp3":               "audio/mpeg",
	"audio/x-mp3":             "audio/mpeg",
	"audio/mpeg3":             "audio/mpeg",
	"audio/x-mpeg":            "audio/mpeg",
	"audio/x-mpeg-3":          "audio/mpeg",
	"audio/x-m4a":             "audio/mp4",
	"audio/m4a":               "audio/mp4",
	"audio/x-m4b":             "audio/mp4",
	"audio/mp4a-latm":         "audio/mp4",
	"audio/3gpp":              "audio/mp4",
	"audio/3gpp2":             "audio/mp4",
	"audio/x-wav":             "audio/wav",
	"audio/wave":              "audio/wav",
	"audio/vnd.wave":          "audio/wav",
	"audio/x-pn-wav":          "audio/wav",
	"audio/opus":              "audio/ogg",
	"audio/vorbis":            "audio/ogg",
	"audio/x-vorbis+ogg":      "audio/ogg",
	"audio/x-flac":            "audio/flac",
	"audio/x-aiff":            "audio/aiff",
	"audio/aif":               "audio/aiff",
	"audio/x-aac":             "audio/aac",
	"audio/aacp":              "audio/aac",
	"audio/vnd.dlna.adts":     "audio/aac",
	"audio/x-hx-aac-adts":     "audio/aac",
}

// CanonicalType returns the name of a MIME type under which it is stored: without parameters, in
// lower case, aliases resolved. application/ogg, which some systems give to both, follows the type
// of media. An unknown type is returned as it is.
func CanonicalType(mime string, kind Type) string {
	name, _, _ := strings.Cut(mime, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "application/ogg" && kind.Valid() {
		name = string(kind) + "/ogg"
	}
	if canonical, ok := aliases[name]; ok {
		name = canonical
	}
	if _, known := extensions[name]; known {
		return name
	}
	return mime
}

// SameType reports whether a Content-Type names the MIME type of the item.
func (i Item) SameType(contentType string) bool {
	return CanonicalType(contentType, i.Type) == i.MimeType
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
