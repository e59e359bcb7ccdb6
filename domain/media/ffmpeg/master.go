package ffmpeg

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// soundGroup is the GROUP-ID of the sound of all pictures.
const soundGroup = "sound"

// rates are those of a rendition in bits per second.
type rates struct{ peak, average int64 }

// rates returns the measured rates. The peak is the largest of any contiguous set of segments that
// lasts between half and one and a half target durations (RFC 8216, section 4.1), or of the whole when it
// is shorter.
func (m mediaPlaylist) rates() rates {
	least, most := 0.5*float64(m.target()), 1.5*float64(m.target())
	if m.iFrames { // each is fetched alone
		least, most = 0, 0
	}
	var total int64
	for _, s := range m.segments {
		total += s.bytes.length
	}
	average := int64(float64(total) * 8 / m.seconds())
	peak := average
	for i := range m.segments {
		bytes, length := int64(0), 0.0
		for _, s := range m.segments[i:] {
			bytes += s.bytes.length
			length += s.seconds
			if length >= least {
				peak = max(peak, int64(float64(bytes)*8/max(length, 0.001)))
			}
			if length >= most {
				break
			}
		}
	}
	return rates{peak, average}
}

// codecs returns a picture's part of the CODECS attribute, from its initialisation segment.
func codecs(root string, r rendition, header span) (string, error) {
	f, err := os.Open(filepath.Join(root, r.name, streamFile))
	if err != nil {
		return "", err
	}
	defer f.Close()
	init := make([]byte, header.length)
	if _, err := f.ReadAt(init, header.offset); err != nil {
		return "", err
	}
	for _, box := range []struct {
		name  string
		parse func([]byte) string
	}{{"avcC", avcName}, {"hvcC", hevcName}, {"av1C", av1Name}} {
		_, content, found := bytes.Cut(init, []byte(box.name))
		if found && len(content) >= 13 {
			return box.parse(content), nil
		}
	}
	return "", errors.New("the initialisation segment has no configuration of a known codec")
}

// avcName is profile, constraints and level (RFC 6381).
func avcName(box []byte) string { return fmt.Sprintf("avc1.%X", box[1:4]) }

// hevcName is profile, compatibility in reverse order of bits, tier, level and constraints
// (ISO/IEC 14496-15, annex E).
func hevcName(box []byte) string {
	space := []string{"", "A", "B", "C"}[box[1]>>6]
	tier := "L"
	if box[1]&0x20 != 0 {
		tier = "H"
	}
	compatible := uint32(0)
	for bit := range 32 {
		if box[2+bit/8]&(0x80>>(bit%8)) != 0 {
			compatible |= 1 << bit
		}
	}
	name := fmt.Sprintf("hvc1.%s%d.%X.%s%d", space, box[1]&0x1f, compatible, tier, box[12])
	constraints := box[6:12]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, c := range constraints {
		name += fmt.Sprintf(".%X", c)
	}
	return name
}

// av1Name is profile, level, tier and bits (AV1 in ISOBMFF, section 5).
func av1Name(box []byte) string {
	tier := "M"
	if box[2]&0x80 != 0 {
		tier = "H"
	}
	bits := 8
	if box[2]&0x40 != 0 {
		bits = 10
	}
	return fmt.Sprintf("av01.%d.%02d%s.%02d", box[1]>>5, box[1]&0x1f, tier, bits)
}

// soundCodec is AAC-LC, what ffmpeg's own encoder makes.
const soundCodec = "mp4a.40.2"

// master collects the lines of a master playlist.
type master struct {
	root  string
	info  Info
	lines strings.Builder
	sound rates // of the track that takes the most
}

// writeMaster writes a master playlist of renditions, the best first. The same source and encoder give
// the same bytes.
func (c *conversion) writeMaster(name string, ladder []rendition) error {
	m := &master{root: c.out, info: c.info}
	m.lines.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	var pictures, sounds []rendition
	for _, r := range ladder {
		switch {
		case r.isPicture():
			pictures = append(pictures, r)
		case c.info.Kind == Audio || r.name == speechName:
			sounds = append(sounds, r)
		default:
			if err := m.alternative(r); err != nil {
				return err
			}
		}
	}
	for _, r := range pictures {
		if err := m.picture(r); err != nil {
			return err
		}
	}
	for _, r := range sounds {
		if err := m.soundOnly(r); err != nil {
			return err
		}
	}
	if c.info.Kind == Video && len(ladder) == len(c.ladder) {
		if err := m.trickPlay(); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(c.out, name), []byte(m.lines.String()), 0o600)
}

// alternative declares a sound track.
func (m *master) alternative(r rendition) error {
	list, err := readRendition(m.root, r)
	if err != nil {
		return err
	}
	of := list.rates()
	m.sound = rates{max(m.sound.peak, of.peak), max(m.sound.average, of.average)}

	attributes := fmt.Sprintf(`TYPE=AUDIO,GROUP-ID=%q,NAME="%s"`, soundGroup, m.info.trackNames()[r.track])
	if tag := m.info.tracks()[r.track].languageTag(); tag != "" {
		attributes += fmt.Sprintf(`,LANGUAGE=%q`, tag)
	}
	main := "NO"
	if r.track == 0 {
		main = "YES"
	}
	fmt.Fprintf(&m.lines, "#EXT-X-MEDIA:%s,DEFAULT=%s,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"%s/%s\"\n",
		attributes, main, r.name, r.playlist)
	return nil
}

// trackNames are the names of the sound tracks. Each is another one, as the group requires.
func (i Info) trackNames() []string {
	var names []string
	used := map[string]int{}
	for n, track := range i.tracks() {
		name := track.trackName(n + 1)
		if used[name]++; used[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, n+1)
			used[name]++
		}
		names = append(names, name)
	}
	return names
}

// picture declares a picture with all the sound.
func (m *master) picture(r rendition) error {
	list, err := readRendition(m.root, r)
	if err != nil {
		return err
	}
	names, err := codecs(m.root, r, list.header)
	if err != nil {
		return fmt.Errorf("codecs of %s: %w", r.name, err)
	}
	group := ""
	if m.info.HasAudio {
		names += "," + soundCodec
		group = fmt.Sprintf(",AUDIO=%q", soundGroup)
	}
	of := list.rates()
	width, height := r.codedSize()
	fmt.Fprintf(&m.lines, "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,RESOLUTION=%dx%d,FRAME-RATE=%.3f,"+
		"CODECS=\"%s\",VIDEO-RANGE=SDR%s\n%s/%s\n",
		of.peak+m.sound.peak, of.average+m.sound.average, width, height, m.info.FrameRate, names, group, r.name, r.playlist)
	return nil
}

// soundOnly declares sound without a picture: the whole of audio, or a video on a very slow line.
func (m *master) soundOnly(r rendition) error {
	list, err := readRendition(m.root, r)
	if err != nil {
		return err
	}
	of := list.rates()
	fmt.Fprintf(&m.lines, "#EXT-X-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,CODECS=%q\n%s/%s\n",
		of.peak, of.average, soundCodec, r.name, r.playlist)
	return nil
}

// trickPlay declares the I-frames.
func (m *master) trickPlay() error {
	r := trickRendition(m.info)
	list, err := readRendition(m.root, r)
	if err != nil {
		return err
	}
	names, err := codecs(m.root, r, list.header)
	if err != nil {
		return fmt.Errorf("codecs of %s: %w", r.name, err)
	}
	list.iFrames = true
	of := list.rates()
	width, height := r.codedSize()
	fmt.Fprintf(&m.lines, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=%d,AVERAGE-BANDWIDTH=%d,RESOLUTION=%dx%d,"+
		"CODECS=\"%s\",VIDEO-RANGE=SDR,URI=\"%s/%s\"\n",
		of.peak, of.average, width, height, names, r.name, r.playlist)
	return nil
}
