package demo

import (
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// variant is an entry of a master playlist.
type variant struct {
	name   string // the folder of its playlist: 720p, 480p …
	url    string // absolute
	height int    // 0 for sound alone
	sound  bool   // whether there is sound in it, and not beside it
}

// part is a byte range of a rendition: its initialisation segment, or a segment.
type part struct {
	url     string // absolute
	offset  int64
	length  int64
	seconds float64 // 0 for the initialisation segment
}

// parseMaster reads a master playlist (RFC 8216, section 4.3.4) that was fetched
// from base.
func parseMaster(text, base string) ([]variant, error) {
	lines, err := playlistLines(text)
	if err != nil {
		return nil, err
	}
	var variants []variant
	var next variant
	announced := false
	for _, line := range lines {
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case tag == "#EXT-X-STREAM-INF":
			announced, next = true, variant{height: heightIn(value), sound: !strings.Contains(value, ",AUDIO=")}
		case tag == "#EXT-X-MEDIA" && strings.HasPrefix(value, "TYPE=AUDIO,"):
			address, err := resolve(base, attribute(value, "URI"))
			if err != nil {
				return nil, err
			}
			variants = append(variants, variant{name: path.Base(path.Dir(address.Path)), url: address.String(), sound: true})
		case strings.HasPrefix(line, "#"):
		case !announced:
			return nil, differs("#EXT-X-STREAM-INF before every variant", "%q", path.Base(line))
		default:
			address, err := resolve(base, line)
			if err != nil {
				return nil, err
			}
			next.name, next.url = path.Base(path.Dir(address.Path)), address.String()
			variants = append(variants, next)
			announced = false
		}
	}
	if len(variants) == 0 {
		return nil, differs("variants in the master playlist", "none")
	}
	return variants, nil
}

// subtitles are the language of captions that a master playlist offers.
type subtitles struct{ language, name, url string }

// parseSubtitles reads the one subtitle rendition of a master playlist, to which every variant
// with a picture must refer.
func parseSubtitles(text, base string) (subtitles, error) {
	lines, err := playlistLines(text)
	if err != nil {
		return subtitles{}, err
	}
	var found []subtitles
	group := ""
	for _, line := range lines {
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case tag == "#EXT-X-MEDIA" && strings.HasPrefix(value, "TYPE=SUBTITLES,"):
			address, err := resolve(base, attribute(value, "URI"))
			if err != nil {
				return subtitles{}, err
			}
			group = attribute(value, "GROUP-ID")
			found = append(found, subtitles{attribute(value, "LANGUAGE"), attribute(value, "NAME"), address.String()})
		case tag == "#EXT-X-STREAM-INF" && heightIn(value) > 0 && (group == "" || attribute(value, "SUBTITLES") != group):
			return subtitles{}, differs("subtitles for every variant", "%q", value)
		}
	}
	if len(found) != 1 {
		return subtitles{}, differs("one rendition of subtitles in the master playlist", "%d", len(found))
	}
	return found[0], nil
}

// parseSingle reads a media playlist of one segment, which is the whole file, for the whole
// video, and returns its address.
func parseSingle(text, base string) (string, error) {
	lines, err := playlistLines(text)
	if err != nil {
		return "", err
	}
	var segments []string
	seconds := 0.0
	for _, line := range lines {
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case tag == "#EXTINF":
			length, _, _ := strings.Cut(value, ",")
			seconds, _ = strconv.ParseFloat(length, 64) // what is no number lasts 0 s
		case !strings.HasPrefix(line, "#"):
			segments = append(segments, line)
		}
	}
	if len(segments) != 1 || lines[len(lines)-1] != "#EXT-X-ENDLIST" {
		return "", differs("one segment and #EXT-X-ENDLIST", "%d segments, %q", len(segments), lines[len(lines)-1])
	}
	if err := lasts(seconds); err != nil {
		return "", err
	}
	address, err := resolve(base, segments[0])
	if err != nil {
		return "", err
	}
	return address.String(), nil
}

// parseVariant reads a media playlist (RFC 8216, section 4.3.2) whose segments are
// byte ranges, and returns these: the initialisation segment first.
func parseVariant(text, base string) ([]part, error) {
	lines, err := playlistLines(text)
	if err != nil {
		return nil, err
	}
	w := walk{base: base, next: map[string]int64{}}
	ended := false
	for _, line := range lines {
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case tag == "#EXT-X-ENDLIST":
			ended = true
		case strings.HasPrefix(line, "#"):
			err = w.tag(tag, value)
		default:
			err = w.segment(line)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case !ended:
		return nil, differs("#EXT-X-ENDLIST at the end of the playlist", "none")
	case w.segments == 0:
		return nil, differs("segments in the playlist", "none")
	}
	return w.parts, nil
}

// walk is the state between two lines of a media playlist.
type walk struct {
	base     string
	parts    []part
	segments int
	seconds  float64
	span     string
	next     map[string]int64 // where a range without an offset begins
}

func (w *walk) tag(tag, value string) error {
	switch tag {
	case "#EXTINF":
		text, _, _ := strings.Cut(value, ",")
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || seconds <= 0 {
			return differs("a duration in #EXTINF", "%q", value)
		}
		w.seconds = seconds
	case "#EXT-X-BYTERANGE":
		w.span = value
	case "#EXT-X-MAP":
		return w.add(attribute(value, "URI"), attribute(value, "BYTERANGE"), 0)
	}
	return nil
}

func (w *walk) segment(uri string) error {
	if w.seconds == 0 {
		return differs("#EXTINF before every segment", "none")
	}
	err := w.add(uri, w.span, w.seconds)
	w.segments++
	w.seconds, w.span = 0, ""
	return err
}

// add appends a range written as length@offset; without offset it follows the range
// before it in the same file (RFC 8216, section 4.3.2.2).
func (w *walk) add(uri, span string, seconds float64) error {
	address, err := resolve(w.base, uri)
	if err != nil {
		return err
	}
	lengthText, offsetText, placed := strings.Cut(span, "@")
	p := part{url: address.String(), seconds: seconds, offset: w.next[address.String()]}
	if p.length, err = strconv.ParseInt(lengthText, 10, 64); err == nil && placed {
		p.offset, err = strconv.ParseInt(offsetText, 10, 64)
	}
	if err != nil || p.length <= 0 || p.offset < 0 {
		return differs("a byte range, length@offset", "%q", span)
	}
	w.next[p.url] = p.offset + p.length
	w.parts = append(w.parts, p)
	return nil
}

// playlistLines returns the lines that are not empty. The first must say what it is.
func playlistLines(text string) ([]string, error) {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 || lines[0] != "#EXTM3U" {
		return nil, differs("#EXTM3U in the first line of a playlist", "%.40q", text)
	}
	return lines, nil
}

// attribute reads a quoted attribute of a tag's list.
func attribute(list, name string) string {
	for _, before := range []string{"", ","} {
		start := before + name + `="`
		if i := strings.Index(list, start); i == 0 || (i > 0 && before != "") {
			value, _, _ := strings.Cut(list[i+len(start):], `"`)
			return value
		}
	}
	return ""
}

// heightIn reads RESOLUTION=1280x720 of #EXT-X-STREAM-INF; 0 when there is none.
func heightIn(attributes string) int {
	_, rest, _ := strings.Cut(attributes, "RESOLUTION=")
	size, _, _ := strings.Cut(rest, ",")
	_, text, _ := strings.Cut(size, "x")
	height, _ := strconv.Atoi(text) // 0 says that there is none
	return height
}

func resolve(base, reference string) (*url.URL, error) {
	from, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("address of a playlist: %w", err)
	}
	address, err := from.Parse(reference)
	if err != nil {
		return nil, fmt.Errorf("address in a playlist: %w", err)
	}
	return address, nil
}
