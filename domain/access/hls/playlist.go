// Package hls rewrites HLS playlists (RFC 8216) for one viewer: what was written by
// the transcoder, with names relative to the store, becomes a text with addresses
// that the viewer may use.
//
// It is text in, text out; the addresses come from the caller. A playlist is data
// that a transcoder wrote, perhaps an external one, so nothing is taken on trust:
// names must be plain ones in the places where we put them, tags that could make a
// player fetch something else are refused or left out, and sizes are bounded. A
// text that does not pass is [ErrUnusable], and nothing of it is answered.
package hls

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxBytes is the largest playlist that is looked at. A day in segments of six
// seconds, the longest that may be uploaded, has about 0.9 MB.
const MaxBytes = 1 << 20

// ContentType is the media type of playlists.
const ContentType = "application/vnd.apple.mpegurl"

// ErrUnusable says that a text is not a playlist that may be passed on.
var ErrUnusable = errors.New("unusable playlist")

// variants are the renditions that may have a playlist.
var variants = []string{"1080p", "720p", "480p", "360p", "source", "audio", "128k", "64k"}

// IsVariant reports whether a name is that of a rendition.
func IsVariant(name string) bool { return slices.Contains(variants, name) }

// PreviewName is the folder of the preview, and PreviewPlaylist its playlist.
const (
	PreviewName     = "preview"
	PreviewPlaylist = PreviewName + "/preview.m3u8"
)

// VariantPlaylist returns the path of a rendition's playlist, from the master's folder.
func VariantPlaylist(variant string) string { return variant + "/index.m3u8" }

// masterTags and mediaTags are the tags that are copied. Tags that we do not know
// are left out, as RFC 8216 demands of clients (6.3.1).
var (
	masterTags = []string{"#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-START"}
	mediaTags  = []string{
		"#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-START", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE",
		"#EXT-X-DISCONTINUITY-SEQUENCE", "#EXT-X-PLAYLIST-TYPE", "#EXT-X-I-FRAMES-ONLY", "#EXT-X-ENDLIST", "#EXTINF",
		"#EXT-X-BYTERANGE", "#EXT-X-DISCONTINUITY", "#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-BITRATE", "#EXT-X-GAP",
	}
)

// Master rewrites a master playlist: every rendition's address becomes what
// address returns for its variant. Only <variant>/index.m3u8 may be named.
func Master(text string, address func(variant string) (string, error)) (string, error) {
	replace := func(uri string) (string, error) {
		variant, file, _ := strings.Cut(uri, "/")
		if !IsVariant(variant) || file != "index.m3u8" {
			return "", fmt.Errorf("%w: it names something else than a rendition", ErrUnusable)
		}
		return address(variant)
	}
	expected := false
	return rewrite(text, func(tag, line string) (string, error) {
		switch {
		case tag == "":
			if !expected {
				return "", fmt.Errorf("%w: an address without a stream", ErrUnusable)
			}
			expected = false
			return replace(line)
		case tag == "#EXT-X-STREAM-INF":
			expected = true
			return line, noAddress(line)
		case tag == "#EXT-X-MEDIA":
			return replaceURI(line, false, replace)
		case tag == "#EXT-X-I-FRAME-STREAM-INF":
			return replaceURI(line, true, replace)
		case slices.Contains(masterTags, tag):
			return line, noAddress(line)
		default:
			return "", nil
		}
	})
}

// Media rewrites the playlist of one rendition: the name of every segment and
// initialisation segment becomes what address returns for it. Names are those of
// files beside the playlist. address is asked once per name: a rendition in a single
// file, with byte ranges, takes one.
func Media(text string, address func(name string) (string, error)) (string, error) {
	known := map[string]string{}
	replace := func(name string) (string, error) {
		if !plainName(name) {
			return "", fmt.Errorf("%w: it names something else than a file beside it", ErrUnusable)
		}
		if uri, ok := known[name]; ok {
			return uri, nil
		}
		uri, err := address(name)
		if err == nil {
			known[name] = uri
		}
		return uri, err
	}
	return rewrite(text, func(tag, line string) (string, error) {
		switch {
		case tag == "":
			return replace(line)
		case tag == "#EXT-X-MAP":
			return replaceURI(line, true, replace)
		case tag == "#EXT-X-KEY":
			if !strings.Contains(line, "METHOD=NONE") || strings.Contains(line, "URI=") {
				return "", fmt.Errorf("%w: it is encrypted", ErrUnusable)
			}
			return "", nil
		case slices.Contains(mediaTags, tag):
			return line, noAddress(line)
		default:
			return "", nil
		}
	})
}

// rewrite passes every line to f, with its tag ("" for an address), and joins what
// it returns. Comments and empty lines are left out.
func rewrite(text string, f func(tag, line string) (string, error)) (string, error) {
	if len(text) > MaxBytes || !utf8.ValidString(text) {
		return "", fmt.Errorf("%w: it is too large or not UTF-8", ErrUnusable)
	}
	var out strings.Builder
	first := true
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if first {
			if line != "#EXTM3U" {
				return "", fmt.Errorf("%w: it does not begin with #EXTM3U", ErrUnusable)
			}
			out.WriteString(line + "\n")
			first = false
			continue
		}
		if line == "" || (strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "#EXT")) {
			continue
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "", fmt.Errorf("%w: it has control characters", ErrUnusable)
		}
		tag := ""
		if strings.HasPrefix(line, "#") {
			tag, _, _ = strings.Cut(line, ":")
		}
		replaced, err := f(tag, line)
		if err != nil {
			return "", err
		}
		if replaced != "" {
			out.WriteString(replaced + "\n")
		}
	}
	if first {
		return "", fmt.Errorf("%w: it is empty", ErrUnusable)
	}
	return out.String(), nil
}

// plainName reports whether a name is that of a file in the same folder.
func plainName(name string) bool {
	if name == "" || len(name) > 255 || name[0] == '.' || strings.Contains(name, "..") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}
