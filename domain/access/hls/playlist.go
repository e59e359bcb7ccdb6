// Package hls rewrites HLS playlists (RFC 8216) for one viewer: the names of files in the
// playlist of a transcoder are replaced by URLs that the viewer may use.
//
// It is text in, text out; the URLs come from the caller. A playlist is data of a
// transcoder, perhaps an external one, so it is not trusted: names must be plain file
// names where they are expected, tags that could make a player fetch something else are
// rejected or left out, and sizes are bounded. A text that does not pass is
// [ErrUnusable].
package hls

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxBytes is the largest playlist that is read. A day in segments of six seconds, the
// longest recording that may be uploaded, has about 0.9 MB.
const MaxBytes = 1 << 20

// ContentType is the media type of playlists.
const ContentType = "application/vnd.apple.mpegurl"

// ErrUnusable says that a text is not a playlist that may be sent to a player.
var ErrUnusable = errors.New("unusable playlist")

// variants are the renditions that may have a playlist: pictures, sound, and I-frames.
var variants = []string{
	"2160p", "1440p", "1080p", "720p", "480p", "360p", "240p", "source", "audio", "128k", "64k", "iframes",
}

// IsVariant reports whether a name is the name of a rendition. Pictures in another codec than H.264
// end in "-hevc" or "-av1", and "sound-1" and so on are further sound tracks.
func IsVariant(name string) bool {
	if number, found := strings.CutPrefix(name, "sound-"); found {
		return len(number) == 1 && number[0] >= '1' && number[0] <= '9'
	}
	size, codec, further := strings.Cut(name, "-")
	if further && codec != "hevc" && codec != "av1" {
		return false
	}
	return slices.Contains(variants, size)
}

// PreviewName is the folder of the preview, and PreviewPlaylist its playlist.
const (
	PreviewName     = "preview"
	PreviewPlaylist = PreviewName + "/preview.m3u8"
)

// VariantPlaylist returns the path of a rendition's playlist, from the master's folder.
func VariantPlaylist(variant string) string { return variant + "/index.m3u8" }

// masterTags and mediaTags are the tags that are copied. Unknown tags are left out, as
// RFC 8216 requires of clients (6.3.1).
var (
	masterTags = []string{"#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-START"}
	mediaTags  = []string{
		"#EXT-X-VERSION", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-START", "#EXT-X-TARGETDURATION", "#EXT-X-MEDIA-SEQUENCE",
		"#EXT-X-DISCONTINUITY-SEQUENCE", "#EXT-X-PLAYLIST-TYPE", "#EXT-X-I-FRAMES-ONLY", "#EXT-X-ENDLIST", "#EXTINF",
		"#EXT-X-BYTERANGE", "#EXT-X-DISCONTINUITY", "#EXT-X-PROGRAM-DATE-TIME", "#EXT-X-BITRATE", "#EXT-X-GAP",
	}
)

// Subtitles are one language of an item's captions, with the URL of their playlist.
type Subtitles struct {
	Language, Name, URL string
	// Sounds says that sounds are named as well, for who does not hear them.
	Sounds bool
	// Default is the one that players show unless the viewer chooses another; one at most. Forced is
	// the one that they show to who shows none.
	Default, Forced bool
}

const subtitlesGroup = "captions"

// tag returns the tag that declares a rendition.
func (s Subtitles) tag() string {
	characteristics := ""
	if s.Sounds {
		characteristics = `,CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog,` +
			`public.accessibility.describes-music-and-sound"`
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '"' {
			return '\''
		}
		return r
	}, s.Name)
	forced := ""
	if s.Forced {
		forced = ",FORCED=YES"
	}
	return fmt.Sprintf(`#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=%q,NAME="%s",LANGUAGE=%q,`+
		`DEFAULT=%s,AUTOSELECT=YES%s%s,URI=%q`,
		subtitlesGroup, name, s.Language, yes(s.Default), forced, characteristics, s.URL) + "\n"
}

func yes(is bool) string {
	if is {
		return "YES"
	}
	return "NO"
}

// SubtitlesPlaylist returns the playlist of captions that are one file for the whole of so
// many seconds.
func SubtitlesPlaylist(url string, seconds int) string {
	return fmt.Sprintf("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-TARGETDURATION:%[1]d\n"+
		"#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:%[1]d.0,\n%[2]s\n#EXT-X-ENDLIST\n", max(seconds, 1), url)
}

// Master rewrites a master playlist: url returns the URL of the playlist of a variant. Only
// <variant>/index.m3u8 may be named. Subtitles are added to every stream.
func Master(text string, url func(variant string) (string, error), subtitles ...Subtitles) (string, error) {
	replace := func(uri string) (string, error) {
		variant, file, _ := strings.Cut(uri, "/")
		if !IsVariant(variant) || file != "index.m3u8" {
			return "", fmt.Errorf("%w: it names something else than a rendition", ErrUnusable)
		}
		return url(variant)
	}
	expected, declared := false, ""
	for _, s := range subtitles {
		declared += s.tag()
	}
	return rewrite(text, func(tag, line string) (string, error) {
		switch {
		case tag == "":
			if !expected {
				return "", fmt.Errorf("%w: a URI without a stream", ErrUnusable)
			}
			expected = false
			return replace(line)
		case tag == "#EXT-X-STREAM-INF":
			expected = true
			if err := noURI(line); err != nil || len(subtitles) == 0 || strings.Contains(line, "SUBTITLES=") {
				return line, err
			}
			line = declared + line + `,SUBTITLES="` + subtitlesGroup + `"`
			declared = ""
			return line, nil
		case tag == "#EXT-X-MEDIA":
			return replaceURI(line, false, replace)
		case tag == "#EXT-X-I-FRAME-STREAM-INF":
			return replaceURI(line, true, replace)
		case slices.Contains(masterTags, tag):
			return line, noURI(line)
		default:
			return "", nil
		}
	})
}

// Media rewrites the playlist of one rendition: url returns the URL of a segment or
// initialisation segment. Names are those of files beside the playlist. url is called once
// per name: a rendition in a single file, with byte ranges, needs one URL.
func Media(text string, url func(name string) (string, error)) (string, error) {
	known := map[string]string{}
	replace := func(name string) (string, error) {
		if !IsFile(name) {
			return "", fmt.Errorf("%w: it names something else than a file beside it", ErrUnusable)
		}
		if uri, ok := known[name]; ok {
			return uri, nil
		}
		uri, err := url(name)
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
			return line, noURI(line)
		default:
			return "", nil
		}
	})
}

// rewrite calls f for every line, with its tag ("" for a URI), and joins the results.
// Comments and empty lines are left out.
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

// IsFile reports whether a name is the name of a file beside a playlist.
func IsFile(name string) bool {
	if name == "" || len(name) > 255 || name[0] == '.' || strings.Contains(name, "..") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}
