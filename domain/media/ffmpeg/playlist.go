package ffmpeg

import (
	"bytes"
	"errors"
	"fmt"
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

func (m mediaPlaylist) seconds() float64 {
	total := 0.0
	for _, s := range m.segments {
		total += s.seconds
	}
	return total
}

// bandwidth returns the peak and the average rate in bits per second (RFC 8216 section 4.3.4.2). A
// segment of less than a second does not count for the peak unless it is the first.
func (m mediaPlaylist) bandwidth() (peak, average int64) {
	var bytes int64
	for i, s := range m.segments {
		bytes += s.bytes.length
		if s.seconds >= 1 || i == 0 {
			peak = max(peak, int64(float64(s.bytes.length)*8/max(s.seconds, 0.1)))
		}
	}
	average = int64(float64(bytes) * 8 / m.seconds())
	return max(peak, average), average
}

// codecs returns the CODECS attribute. The initialisation segment has profile and level.
func codecs(root string, r rendition, header span, hasAudio bool) (string, error) {
	var names []string
	if r.videoRate > 0 {
		f, err := os.Open(filepath.Join(root, r.name, streamFile))
		if err != nil {
			return "", err
		}
		defer f.Close()
		init := make([]byte, header.length)
		if _, err := f.ReadAt(init, header.offset); err != nil {
			return "", err
		}
		at := bytes.Index(init, []byte("avcC"))
		if at < 0 || at+8 > len(init) {
			return "", errors.New("the initialisation segment has no AVC configuration")
		}
		names = append(names, fmt.Sprintf("avc1.%X", init[at+5:at+8]))
	}
	if hasAudio {
		names = append(names, "mp4a.40.2") // AAC-LC, what ffmpeg's own encoder makes
	}
	return strings.Join(names, ","), nil
}

// masterPlaylist lists the renditions, the best first. The same source and encoder give the same
// bytes.
func masterPlaylist(root string, info Info, ladder []rendition, lists []mediaPlaylist) (string, error) {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	for i, r := range ladder {
		names, err := codecs(root, r, lists[i].header, info.HasAudio)
		if err != nil {
			return "", fmt.Errorf("codecs of %s: %w", r.name, err)
		}
		peak, average := lists[i].bandwidth()
		fmt.Fprintf(&b, "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d", peak, average)
		if r.videoRate > 0 {
			fmt.Fprintf(&b, ",RESOLUTION=%dx%d,FRAME-RATE=%.3f", r.width, r.height, info.FrameRate)
		}
		fmt.Fprintf(&b, ",CODECS=\"%s\"\n%s/%s\n", names, r.name, r.playlist)
	}
	return b.String(), nil
}
