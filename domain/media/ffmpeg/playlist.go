package ffmpeg

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// streamFile holds all bytes of a rendition.
const streamFile = "stream.mp4"

// span is a byte range; in a playlist it is written length@offset.
type span struct{ length, offset int64 }

// segment is one entry of a media playlist.
type segment struct {
	seconds float64
	bytes   span
}

// mediaPlaylist is the playlist of a rendition.
type mediaPlaylist struct {
	header   span // the initialisation segment
	segments []segment
	iFrames  bool // each segment is one I-frame
}

// readRendition reads the playlist that ffmpeg wrote and checks it against the bytes: the ranges
// must follow one another from the first byte of the stream to the last.
func readRendition(root string, r rendition) (mediaPlaylist, error) {
	text, err := os.ReadFile(filepath.Join(root, r.name, r.playlist))
	if err != nil {
		return mediaPlaylist{}, err
	}
	list, err := parsePlaylist(string(text))
	if err != nil {
		return mediaPlaylist{}, fmt.Errorf("playlist of %s: %w", r.name, err)
	}
	stat, err := os.Lstat(filepath.Join(root, r.name, streamFile))
	if err != nil {
		return mediaPlaylist{}, err
	}
	next := list.header.length
	for _, s := range list.segments {
		if s.bytes.offset != next {
			return mediaPlaylist{}, fmt.Errorf("playlist of %s: a range starts at %d instead of %d",
				r.name, s.bytes.offset, next)
		}
		next += s.bytes.length
	}
	if next != stat.Size() || list.header.offset != 0 {
		return mediaPlaylist{}, fmt.Errorf("playlist of %s: ranges end at %d of %d bytes", r.name, next, stat.Size())
	}
	return list, nil
}

func parsePlaylist(text string) (mediaPlaylist, error) {
	var list mediaPlaylist
	var pending segment
	ended := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		tag, value, _ := strings.Cut(line, ":")
		var err error
		switch {
		case tag == "#EXT-X-MAP":
			_, value, _ = strings.Cut(value, `BYTERANGE="`)
			list.header, err = parseSpan(strings.TrimSuffix(value, `"`))
		case tag == "#EXTINF":
			pending.seconds, err = strconv.ParseFloat(strings.TrimSuffix(value, ","), 64)
		case tag == "#EXT-X-BYTERANGE":
			pending.bytes, err = parseSpan(value)
		case tag == "#EXT-X-ENDLIST":
			ended = true
		case line == streamFile:
			list.segments = append(list.segments, pending)
			pending = segment{}
		case line != "" && !strings.HasPrefix(line, "#"):
			err = errors.New("it names an unknown file")
		}
		if err != nil {
			return mediaPlaylist{}, err
		}
	}
	if !ended || len(list.segments) == 0 || list.header.length == 0 || list.seconds() <= 0 {
		return mediaPlaylist{}, errors.New("it is not complete")
	}
	return list, nil
}

func parseSpan(s string) (span, error) {
	length, offset, _ := strings.Cut(s, "@")
	l, err := strconv.ParseInt(length, 10, 64)
	if err != nil {
		return span{}, err
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	return span{l, o}, err
}

func (s span) String() string { return fmt.Sprintf("%d@%d", s.length, s.offset) }

func (m mediaPlaylist) seconds() float64 {
	total := 0.0
	for _, s := range m.segments {
		total += s.seconds
	}
	return total
}

// stretch makes the last segment last to the end.
func (m mediaPlaylist) stretch(end float64) {
	last := len(m.segments) - 1
	m.segments[last].seconds = max(0.001, m.segments[last].seconds+end-m.seconds())
}

// target returns the target duration. It is the same for all renditions that are played together
// (RFC 8216, section 6.2.4), those of a short film too.
func (m mediaPlaylist) target() int {
	target := segmentSeconds
	for _, s := range m.segments {
		target = max(target, int(math.Round(s.seconds)))
	}
	return target
}

// write writes the playlist over that of ffmpeg, which knows nothing of the other renditions.
func (m mediaPlaylist) write(root string, r rendition) error {
	if target := m.target(); target > segmentSeconds && !m.iFrames {
		return fmt.Errorf("playlist of %s: a segment lasts %d s", r.name, target)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n"+
		"#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n", m.target())
	if m.iFrames {
		b.WriteString("#EXT-X-I-FRAMES-ONLY\n")
	}
	fmt.Fprintf(&b, "#EXT-X-MAP:URI=%q,BYTERANGE=\"%s\"\n", streamFile, m.header)
	for _, s := range m.segments {
		fmt.Fprintf(&b, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%s\n%s\n", s.seconds, s.bytes, streamFile)
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	return os.WriteFile(filepath.Join(root, r.name, r.playlist), []byte(b.String()), 0o600)
}
