package ffmpeg_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// inputCase is a block of testdata/cases/cases.txt; the README beside it has the keys.
type inputCase struct {
	make []string
	keys map[string]string
}

func readCases(t *testing.T) []inputCase {
	t.Helper()
	text, err := os.ReadFile("testdata/cases/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []inputCase
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		c := inputCase{keys: map[string]string{}}
		for line := range strings.Lines(block) {
			key, value, found := strings.Cut(strings.TrimSpace(line), ": ")
			switch {
			case !found:
				t.Fatalf("no key in %q", line)
			case key == "make":
				c.make = append(c.make, value)
			default:
				c.keys[key] = value
			}
		}
		cases = append(cases, c)
	}
	return cases
}

const captionsSRT = "1\n00:00:00,200 --> 00:00:01,500\nGood evening.\n"

const lateSRT = captionsSRT + "\n2\n25:00:00,000 --> 25:00:02,000\nGood night.\n"

const chapters = ";FFMETADATA1\n" +
	"[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=Opening\n" +
	"[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=2000\ntitle= \n" +
	"[CHAPTER]\nTIMEBASE=1/1000\nSTART=2000\nEND=3000\ntitle=The end\n"

// generate makes the file of a case.
func (c inputCase) generate(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"captions.srt": captionsSRT,
		"late.srt":     lateSRT,
		"chapters.txt": chapters,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := ""
	for _, args := range c.make {
		fields := strings.Fields(args)
		cmd := exec.Command("ffmpeg", append([]string{"-v", "error", "-nostdin", "-y"}, fields...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("generate: %v\n%s", err, out)
		}
		path = filepath.Join(dir, fields[len(fields)-1])
	}
	if percent := c.number(t, "keep"); percent > 0 {
		stat, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, stat.Size()*int64(percent)/100); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// number returns the value of a key, 0 without it.
func (c inputCase) number(t *testing.T, key string) float64 {
	t.Helper()
	if c.keys[key] == "" {
		return 0
	}
	value, err := strconv.ParseFloat(c.keys[key], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestEveryKindOfInput(t *testing.T) {
	t.Parallel()
	for _, c := range readCases(t) {
		t.Run(c.keys["case"], func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			job := ffmpeg.Job{Input: c.generate(t), MIME: c.keys["type"], OutDir: out}
			result, err := newTool(t, nil).Transcode(context.Background(), job)
			if want := c.keys["rejected"]; want != "" {
				code, part, _ := strings.Cut(want, " ")
				var reject *ffmpeg.RejectError
				if !errors.As(err, &reject) || string(reject.Code) != code || !strings.Contains(reject.Message, part) {
					t.Errorf("err = %v, want %s", explain(cmp.Or(err, errors.New("none"))), want)
				}
				return
			}
			if err != nil {
				t.Fatal(explain(err))
			}
			c.check(t, result, out)
		})
	}
}

func (c inputCase) check(t *testing.T, result ffmpeg.Result, out string) {
	t.Helper()
	sound := filepath.Join(out, "128k", "stream.mp4")
	best := filepath.Join(out, result.ReadyVariants[0])
	if result.Kind == ffmpeg.Audio {
		best = filepath.Join(out, "128k")
	}
	stream := filepath.Join(best, "stream.mp4")
	if want := c.number(t, "duration"); want > 0 {
		near(t, "duration", result.DurationSeconds, want, 0.1)
		near(t, "playlist", checkRanges(t, filepath.Join(best, "index.m3u8")), want, 0.1)
		if result.Kind == ffmpeg.Video {
			near(t, "picture", lastPacket(t, "v", stream), want, 0.1)
		}
		if result.HasAudio {
			near(t, "sound", lastPacket(t, "a", sound), want, 0.1)
		}
	}
	if want := c.keys["sizes"]; want != "" {
		var sizes []string
		for _, variant := range result.ReadyVariants {
			size := inspect(t, "-select_streams", "v", "-show_entries", "stream=width,height",
				filepath.Join(out, variant, "stream.mp4"))
			sizes = append(sizes, strings.ReplaceAll(size, "\n", "x"))
		}
		if got := strings.Join(sizes, " "); got != want {
			t.Errorf("sizes %s, want %s", got, want)
		}
	}
	if want := c.number(t, "rate"); want > 0 {
		near(t, "rate", result.FrameRate, want, 0.01)
	}
	c.checkTracks(t, result, out)
	if c.keys["sync"] != "" {
		checkSync(t, stream, sound, result.FrameRate)
	}
	if c.keys["tagged"] != "" {
		got := inspect(t, "-select_streams", "v",
			"-show_entries", "stream=pix_fmt,color_range,color_space,color_transfer,color_primaries", stream)
		if got != "yuv420p\ntv"+strings.Repeat("\nbt709", 3) {
			t.Errorf("tagged as %q", got)
		}
	}
	checkColour(t, c, stream)
	if c.keys["poster"] != "" {
		pixels := frames(t, filepath.Join(out, result.Poster), "scale=32:18,format=gray")
		low, high := byte(255), byte(0)
		for _, p := range pixels {
			low, high = min(low, p), max(high, p)
		}
		if high-low < 60 {
			t.Errorf("the poster has grey values from %d to %d only", low, high)
		}
	}
	if want := c.keys["sounds"]; want != "" {
		checkSounds(t, filepath.Join(out, result.Master), want)
	}
	if c.keys["combed"] == "no" {
		checkCombing(t, stream)
	}
	if c.keys["audible"] != "" && (result.Loudness == nil || result.Loudness.Integrated < -4000) {
		t.Errorf("loudness %+v: another track was taken", result.Loudness)
	}
}

// checkTracks compares captions and chapters.
func (c inputCase) checkTracks(t *testing.T, result ffmpeg.Result, out string) {
	t.Helper()
	var tracks, chapters []string
	for _, track := range result.Captions {
		text := strconv.Itoa(track.Stream) + " " + cmp.Or(track.Language, "und")
		for _, mark := range []struct {
			word string
			is   bool
		}{{" default", track.Default}, {" forced", track.Forced}, {" sounds", track.Sounds}} {
			if mark.is {
				text += mark.word
			}
		}
		tracks = append(tracks, text)
		content, err := os.ReadFile(filepath.Join(out, track.Rel))
		if want := "WEBVTT\n\n00:00:00.200 --> 00:00:01.500\nGood evening.\n"; err != nil || string(content) != want {
			t.Errorf("captions %v %q", err, content)
		}
	}
	if result.Chapters != "" {
		var found struct {
			Chapters []struct {
				StartTime float64
				Title     string
			}
		}
		text, err := os.ReadFile(filepath.Join(out, result.Chapters))
		if err != nil || json.Unmarshal(text, &found) != nil {
			t.Fatal(err)
		}
		for _, chapter := range found.Chapters {
			chapters = append(chapters, strconv.FormatFloat(chapter.StartTime, 'f', -1, 64)+" "+chapter.Title)
		}
	}
	if got := strings.Join(tracks, "; "); got != c.keys["captions"] || len(result.Notes) > 0 {
		t.Errorf("captions %q, want %q; notes %v", got, c.keys["captions"], result.Notes)
	}
	if got := strings.Join(chapters, "; "); got != c.keys["chapters"] {
		t.Errorf("chapters %q, want %q", got, c.keys["chapters"])
	}
}

// lastPacket returns when the last packet of a stream ends, 0 without such a stream. What
// ffprobe says of the whole stream counts the first fragment only.
func lastPacket(t *testing.T, kind, stream string) (end float64) {
	t.Helper()
	for line := range strings.Lines(inspect(t, "-select_streams", kind, "-show_entries", "packet=pts_time,duration_time",
		"-of", "csv=p=0", stream)) {
		from, length, _ := strings.Cut(strings.TrimSpace(line), ",")
		start, _ := strconv.ParseFloat(from, 64)
		seconds, _ := strconv.ParseFloat(strings.Trim(length, ","), 64)
		end = max(end, start+seconds)
	}
	return end
}

func checkColour(t *testing.T, c inputCase, stream string) {
	t.Helper()
	if c.keys["pixel"] == "" && c.keys["saturation"] == "" {
		return
	}
	rgb := frames(t, stream, "scale=in_color_matrix=bt709:in_range=tv,format=rgb24,crop=2:2")[:3]
	for i, value := range strings.Fields(c.keys["pixel"]) {
		want, _ := strconv.Atoi(value)
		near(t, "pixel "+"RGB"[i:i+1], float64(rgb[i]), float64(want), 3)
	}
	if want := c.number(t, "saturation"); want > 0 {
		high, low := max(rgb[0], rgb[1], rgb[2]), min(rgb[0], rgb[1], rgb[2])
		near(t, fmt.Sprintf("saturation of %v", rgb), 1-float64(low)/float64(high), want, 0.15*want)
		if high < 100 {
			t.Errorf("the picture is dark: %v", rgb)
		}
	}
}

// frames returns the raw pictures of a file behind a filter.
func frames(t *testing.T, path, filter string, before ...string) []byte {
	t.Helper()
	args := append([]string{"-v", "error", "-nostdin"}, before...)
	args = append(args, "-i", path, "-map", "0:v:0", "-vf", filter, "-fps_mode", "passthrough", "-f", "rawvideo", "-")
	out, err := exec.Command("ffmpeg", args...).Output()
	if err != nil || len(out) < 4 {
		t.Fatalf("decode %s: %v", path, err)
	}
	return out
}

// checkSync compares the first white picture with the first loud sample, without edit lists, as
// browsers play. Both tracks must begin at 0.
func checkSync(t *testing.T, stream, sound string, rate float64) {
	t.Helper()
	for _, file := range []string{stream, sound} {
		starts := inspect(t, "-ignore_editlist", "1", "-show_entries", "stream=start_time", file)
		for _, start := range strings.Fields(starts) {
			if seconds, _ := strconv.ParseFloat(start, 64); seconds != 0 {
				t.Errorf("a track starts at %s", start)
			}
		}
	}
	flash := -1.0
	for i, grey := range frames(t, stream, "scale=1:1,format=gray", "-ignore_editlist", "1") {
		if grey > 128 {
			flash = float64(i) / rate
			break
		}
	}
	samples, err := exec.Command("ffmpeg", "-v", "error", "-ignore_editlist", "1", "-i", sound, "-map", "0:a:0",
		"-ac", "1", "-ar", "48000", "-f", "u8", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	beep := -1.0
	for i, sample := range samples {
		if math.Abs(float64(sample)-128) > 16 {
			beep = float64(i) / 48000
			break
		}
	}
	if flash < 0.9 || math.Abs(flash-beep) >= 0.015 {
		t.Errorf("flash at %.3f s, beep at %.3f s", flash, beep)
	}
}

// checkSounds compares the sound tracks of a master playlist, and that each lasts as long as the main one.
func checkSounds(t *testing.T, master, want string) {
	t.Helper()
	text, err := os.ReadFile(master)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	length := 0.0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#EXT-X-MEDIA:TYPE=AUDIO,") {
			continue
		}
		part := func(name string) string {
			_, rest, _ := strings.Cut(line, ","+name+`="`)
			value, _, _ := strings.Cut(rest, `"`)
			return value
		}
		got = append(got, cmp.Or(part("LANGUAGE"), "und")+" "+part("NAME"))
		if isMain := strings.Contains(line, "DEFAULT=YES"); isMain != (len(got) == 1) {
			t.Errorf("track %d: %s", len(got), line)
		}
		seconds := checkRanges(t, filepath.Join(filepath.Dir(master), part("URI")))
		length = cmp.Or(length, seconds)
		near(t, part("NAME"), seconds, length, 0.05)
	}
	if strings.Join(got, "; ") != want {
		t.Errorf("sound tracks %q, want %q", strings.Join(got, "; "), want)
	}
}

// checkCombing: between fields of two instants, a row differs more from its neighbours than these
// from each other.
func checkCombing(t *testing.T, stream string) {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-hide_banner", "-i", stream, "-vf", "idet", "-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	var tff, bff, whole int
	_, counts, _ := strings.Cut(string(out), "Multi frame detection: ")
	if _, err := fmt.Sscanf(counts, "TFF: %d BFF: %d Progressive: %d", &tff, &bff, &whole); err != nil {
		t.Fatal(err)
	}
	if tff+bff >= whole {
		t.Errorf("fields are left: %.80s", counts)
	}
}
