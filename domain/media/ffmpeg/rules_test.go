package ffmpeg_test

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// presentation is a master playlist with everything that it leads to: texts of playlists by path, and
// sizes of streams.
type presentation struct {
	lists map[string]string
	sizes map[string]int64
}

func readPresentation(t *testing.T, root string) presentation {
	t.Helper()
	p := presentation{map[string]string{}, map[string]int64{}}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if path.Ext(name) == ".m3u8" {
			text, err := os.ReadFile(filepath.Join(root, name))
			p.lists[name] = string(text)
			return err
		}
		info, err := entry.Info()
		if err == nil {
			p.sizes[name] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tag is a line of a playlist: a tag with its attributes, or a URI, which has no name.
type tag struct {
	name, value string
	attributes  map[string]string
}

var attribute = regexp.MustCompile(`([A-Z0-9-]+)=("[^"]*"|[^",]*)(?:,|$)`)

func tags(text string) (list []tag) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "#") {
			list = append(list, tag{value: line})
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		found := tag{name, value, map[string]string{}}
		for _, m := range attribute.FindAllStringSubmatch(value, -1) {
			found.attributes[m[1]] = strings.Trim(m[2], `"`)
		}
		list = append(list, found)
	}
	return list
}

func number(s string) float64 {
	value, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return -1
	}
	return value
}

// mediaFacts are what the master playlist must agree with.
type mediaFacts struct {
	target, seconds, peak, average float64
	iFrames                        bool
}

// breaches returns the rules of RFC 8216bis that a presentation breaks, each by its number in this list:
//
//	 1  a playlist begins with #EXTM3U
//	 2  EXT-X-VERSION is at least 6, as EXT-X-MAP requires without EXT-X-I-FRAMES-ONLY
//	 3  EXT-X-INDEPENDENT-SEGMENTS is declared
//	 4  a rounded EXTINF is not above EXT-X-TARGETDURATION
//	 5  the target duration is that of all renditions, I-frames apart
//	 6  a finished playlist has EXT-X-ENDLIST and EXT-X-PLAYLIST-TYPE:VOD
//	 7  EXT-X-MAP comes before the segments, and its range begins the file
//	 8  byte ranges follow one another and cover the file
//	 9  discontinuities are those of all renditions: there are none
//	10  renditions last equally long, to half a second
//	11  a stream has BANDWIDTH, AVERAGE-BANDWIDTH and CODECS
//	12  a stream with a picture has RESOLUTION, FRAME-RATE and VIDEO-RANGE
//	13  a stream is followed by its URI, whose playlist is there
//	14  BANDWIDTH is the largest sum of peak rates, and AVERAGE-BANDWIDTH of average rates
//	15  the group that a stream names exists
//	16  in a group names differ, and one member at most is the default
//	17  a default member is selected automatically
//	18  EXT-X-I-FRAME-STREAM-INF leads to EXT-X-I-FRAMES-ONLY, and no stream does
//	19  EXT-X-I-FRAME-STREAM-INF has no FRAME-RATE, AUDIO or SUBTITLES
func (p presentation) breaches() (broken map[int]string) {
	broken = map[int]string{}
	facts := map[string]mediaFacts{}
	for name, text := range p.lists {
		if !strings.HasPrefix(text, "#EXTM3U\n") {
			broken[1] = name
		}
		version, independent := -1.0, false
		for _, line := range tags(text) {
			if line.name == "#EXT-X-VERSION" {
				version = number(line.value)
			}
			independent = independent || line.name == "#EXT-X-INDEPENDENT-SEGMENTS"
		}
		if version < 6 {
			broken[2] = name
		}
		if !independent {
			broken[3] = name
		}
		if name != "master.m3u8" {
			facts[name] = p.checkMedia(name, broken)
		}
	}
	p.checkMaster(facts, broken)
	return broken
}

func (p presentation) checkMedia(name string, broken map[int]string) (facts mediaFacts) {
	var next, bytes, length float64
	var segments [][2]float64 // seconds and bits
	ended, vod := false, false
	for _, line := range tags(p.lists[name]) {
		switch line.name {
		case "#EXT-X-TARGETDURATION":
			facts.target = number(line.value)
		case "#EXT-X-I-FRAMES-ONLY":
			facts.iFrames = true
		case "#EXT-X-PLAYLIST-TYPE":
			vod = line.value == "VOD"
		case "#EXT-X-ENDLIST":
			ended = true
		case "#EXT-X-DISCONTINUITY":
			broken[9] = name
		case "#EXTINF":
			length = number(strings.TrimSuffix(line.value, ","))
			if math.Round(length) > facts.target || length <= 0 {
				broken[4] = fmt.Sprintf("%s: %v", name, length)
			}
		case "#EXT-X-MAP", "#EXT-X-BYTERANGE":
			size, offset, _ := strings.Cut(line.value, "@")
			if line.name == "#EXT-X-MAP" {
				if size, offset, _ = strings.Cut(line.attributes["BYTERANGE"], "@"); offset != "0" || len(segments) > 0 {
					broken[7] = name
				}
			}
			if number(offset) != next {
				broken[8] = fmt.Sprintf("%s: %s, want %v", name, offset, next)
			}
			bytes = number(size)
			next += bytes
		case "":
			if next == bytes { // no range before: there was no map
				broken[7] = name
			}
			segments = append(segments, [2]float64{length, 8 * bytes})
			facts.seconds += length
			facts.average += 8 * bytes
		}
	}
	if !ended || !vod {
		broken[6] = name
	}
	if int64(next) != p.sizes[path.Dir(name)+"/stream.mp4"] {
		broken[8] = fmt.Sprintf("%s: %v bytes are covered", name, next)
	}
	if facts.target != 6 && !facts.iFrames {
		broken[5] = name
	}
	facts.average /= facts.seconds
	facts.peak = facts.average
	for i := range segments {
		seconds, bits := 0.0, 0.0
		for _, s := range segments[i:] {
			seconds, bits = seconds+s[0], bits+s[1]
			if facts.iFrames || seconds >= facts.target/2 && seconds <= 1.5*facts.target {
				facts.peak = max(facts.peak, bits/seconds)
			}
		}
	}
	return facts
}

func (p presentation) checkMaster(facts map[string]mediaFacts, broken map[int]string) {
	var sound mediaFacts
	groups := map[string]map[string]bool{}
	defaults := map[string]int{}
	var stream *tag
	seconds := 0.0
	lasts := func(f mediaFacts) {
		if seconds = max(seconds, f.seconds); math.Abs(seconds-f.seconds) > 0.5 {
			broken[10] = fmt.Sprint(f.seconds, " of ", seconds)
		}
	}
	for _, line := range tags(p.lists["master.m3u8"]) {
		a := line.attributes
		if stream != nil && line.name != "" {
			broken[13] = line.name
		}
		switch line.name {
		case "#EXT-X-MEDIA":
			group := a["GROUP-ID"]
			if groups[group] == nil {
				groups[group] = map[string]bool{}
			}
			if a["DEFAULT"] == "YES" {
				defaults[group]++
				if a["AUTOSELECT"] != "YES" {
					broken[17] = a["NAME"]
				}
			}
			if groups[group][a["NAME"]] || defaults[group] > 1 {
				broken[16] = a["NAME"]
			}
			groups[group][a["NAME"]] = true
			f, found := facts[a["URI"]]
			if !found {
				broken[13] = a["URI"]
			}
			lasts(f)
			sound.peak, sound.average = max(sound.peak, f.peak), max(sound.average, f.average)
		case "#EXT-X-STREAM-INF":
			stream = &line
			average := number(a["AVERAGE-BANDWIDTH"])
			if number(a["BANDWIDTH"]) < average || average <= 0 || a["CODECS"] == "" {
				broken[11] = line.value
			}
			if picture := strings.Contains(a["CODECS"], "avc1"); picture &&
				(a["RESOLUTION"] == "" || a["FRAME-RATE"] == "" || a["VIDEO-RANGE"] != "SDR") {
				broken[12] = line.value
			}
			if group := a["AUDIO"]; group != "" && groups[group] == nil {
				broken[15] = group
			}
		case "#EXT-X-I-FRAME-STREAM-INF":
			f := facts[a["URI"]]
			if !f.iFrames {
				broken[18] = a["URI"]
			}
			if a["FRAME-RATE"]+a["AUDIO"]+a["SUBTITLES"] != "" {
				broken[19] = line.value
			}
			if number(a["BANDWIDTH"]) < math.Floor(f.peak) || number(a["AVERAGE-BANDWIDTH"]) < math.Floor(f.average) {
				broken[14] = line.value
			}
			lasts(f)
		case "":
			f, found := facts[line.value]
			if !found || stream == nil {
				broken[13] = line.value
				continue
			}
			if f.iFrames {
				broken[18] = line.value
			}
			lasts(f)
			if stream.attributes["AUDIO"] != "" {
				f.peak, f.average = f.peak+sound.peak, f.average+sound.average
			}
			if number(stream.attributes["BANDWIDTH"]) < math.Floor(f.peak)-1 ||
				number(stream.attributes["AVERAGE-BANDWIDTH"]) < math.Floor(f.average)-1 {
				broken[14] = fmt.Sprintf("%s, want %.0f and %.0f", stream.value, f.peak, f.average)
			}
			stream = nil
		}
	}
}

func TestPlaylistsKeepTheRulesOfHLS(t *testing.T) {
	t.Parallel()
	_, root := transcode(t, generate(t, "clip.mp4", "-f lavfi -i testsrc2=s=640x360:r=30000/1001:d=15 "+
		"-f lavfi -i sine=d=14 -f lavfi -i anoisesrc=d=15 -map 0 -map 1 -map 2 -c:v libx264 -preset ultrafast -c:a aac"),
		"video/mp4")
	good := readPresentation(t, root)
	delete(good.lists, "preview/preview.m3u8") // it is in no master playlist
	if broken := good.breaches(); len(broken) > 0 {
		t.Errorf("rules broken: %v\n%s", broken, good.lists["master.m3u8"])
	}
	frames := inspect(t, "-show_entries", "packet=flags", filepath.Join(root, "iframes", "stream.mp4"))
	if strings.Count(frames, "K") != 8 || strings.Count(frames, "\n") != 7 {
		t.Errorf("packets of I-frames: %q, want 8 key frames", frames)
	}

	// Each rule notices what breaks it.
	for rule, change := range map[int][3]string{ // in a playlist, replace, by
		1:  {"source/index.m3u8", "#EXTM3U\n", ""},
		2:  {"128k/index.m3u8", "VERSION:7", "VERSION:5"},
		3:  {"master.m3u8", "#EXT-X-INDEPENDENT-SEGMENTS\n", ""},
		4:  {"240p/index.m3u8", "#EXTINF:6", "#EXTINF:7"},
		5:  {"64k/index.m3u8", "TARGETDURATION:6", "TARGETDURATION:7"},
		6:  {"source/index.m3u8", "#EXT-X-ENDLIST\n", ""},
		7:  {"source/index.m3u8", "#EXT-X-MAP", "#EXT-X-NONE"},
		8:  {"sound-1/index.m3u8", "#EXT-X-BYTERANGE:", "#EXT-X-BYTERANGE:1"},
		9:  {"240p/index.m3u8", "#EXTINF", "#EXT-X-DISCONTINUITY\n#EXTINF"},
		10: {"240p/index.m3u8", "#EXTINF:6", "#EXTINF:5"},
		11: {"master.m3u8", "AVERAGE-BANDWIDTH", "X"},
		12: {"master.m3u8", ",VIDEO-RANGE=SDR", ""},
		13: {"master.m3u8", "\n240p/index.m3u8", "\n144p/index.m3u8"},
		14: {"master.m3u8", "#EXT-X-STREAM-INF:BANDWIDTH=", "#EXT-X-STREAM-INF:BANDWIDTH=1,X="},
		15: {"master.m3u8", `,AUDIO="sound"`, `,AUDIO="other"`},
		16: {"master.m3u8", `"Track 2"`, `"Track 1"`},
		17: {"master.m3u8", "AUTOSELECT=YES", "AUTOSELECT=NO"},
		18: {"iframes/index.m3u8", "#EXT-X-I-FRAMES-ONLY\n", ""},
		19: {"master.m3u8", "#EXT-X-I-FRAME-STREAM-INF:", "#EXT-X-I-FRAME-STREAM-INF:FRAME-RATE=1,"},
	} {
		bad := presentation{map[string]string{}, good.sizes}
		for name, text := range good.lists {
			bad.lists[name] = text
		}
		bad.lists[change[0]] = strings.Replace(bad.lists[change[0]], change[1], change[2], 1)
		if bad.lists[change[0]] == good.lists[change[0]] {
			t.Errorf("rule %d: nothing to break in\n%s", rule, bad.lists[change[0]])
		}
		if bad.breaches()[rule] == "" {
			t.Errorf("rule %d did not notice that %q became %q", rule, change[1], change[2])
		}
	}
}
