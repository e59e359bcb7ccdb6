package ffmpeg_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// explain adds the detail that RejectError keeps from users.
func explain(err error) string {
	var reject *ffmpeg.RejectError
	if errors.As(err, &reject) {
		return err.Error() + "\n" + reject.Detail
	}
	return err.Error()
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s = %v, want %v ± %v", what, got, want, tolerance)
	}
}

func TestAVideoBecomesALadderWithAlignedKeyFrames(t *testing.T) {
	t.Parallel()
	clip := generate(t, "clip.mp4", "-f lavfi -i testsrc2=s=1280x720:r=30 -f lavfi -i sine=440:r=44100 -t 8 "+
		"-c:v libx264 -preset ultrafast -c:a aac -metadata location=+48.2+016.4/")
	out := filepath.Join(t.TempDir(), "out")
	var steps []string
	last := 0
	job := ffmpeg.Job{
		Input:  clip,
		MIME:   ffmpeg.MP4,
		OutDir: out,
		Progress: func(step ffmpeg.Step, percent int) {
			if percent < last {
				t.Errorf("progress went back from %d to %d", last, percent)
			}
			last = percent
			if len(steps) == 0 || steps[len(steps)-1] != string(step) {
				steps = append(steps, string(step))
			}
		},
	}
	result, err := newTool(t, nil).Transcode(context.Background(), job)
	if err != nil {
		t.Fatal(explain(err))
	}

	if want := []string{"720p", "480p", "360p", "240p"}; !slices.Equal(result.ReadyVariants, want) {
		t.Errorf("variants = %v, want %v", result.ReadyVariants, want)
	}
	const want = "probing loudness encoding_variants preview thumbnails finalizing"
	if strings.Join(steps, " ") != want || last != 100 {
		t.Errorf("steps = %v ending at %d %%, want %s", steps, last, want)
	}
	near(t, "duration", result.DurationSeconds, 8, 0.1)
	if result.Width != 1280 || result.Height != 720 || result.VideoCodec != "h264" || result.AudioCodec != "aac" {
		t.Errorf("info = %+v", result.Info)
	}
	var keyFrames []string
	for _, variant := range result.ReadyVariants {
		playlist := filepath.Join(out, variant, "index.m3u8")
		checkRanges(t, playlist)
		keyFrames = append(keyFrames,
			inspect(t, "-select_streams", "v", "-skip_frame", "nokey", "-show_entries", "frame=pts_time", playlist))
		frames := inspect(t, "-select_streams", "v", "-count_frames", "-show_entries", "stream=nb_read_frames", playlist)
		if first, _, _ := strings.Cut(frames, "\n"); first != "240" {
			t.Errorf("%s decodes to %s frames, want 240", variant, first)
		}
	}
	for _, other := range keyFrames {
		if keyFrames[0] != other || strings.Count(other, "\n") != 3 {
			t.Errorf("key frames differ or are not every 2 s:\n%s\n---\n%s", keyFrames[0], other)
		}
	}
	if tags := inspect(t, "-show_entries", "format_tags=location", filepath.Join(out, "720p/stream.mp4")); tags != "" {
		t.Errorf("the place of recording was kept: %s", tags)
	}
	checkMaster(t, out, result)
	checkPictures(t, out, result, 1280, 720)
	near(t, "preview duration", checkRanges(t, filepath.Join(out, result.Preview)), 6, 0.1)
	checkLoudness(t, out, result)
	checkFiles(t, out, result)
}

// checkRanges re-reads a playlist with nothing of the package: the ranges must tile the file. It
// returns the duration.
func checkRanges(t *testing.T, playlist string) float64 {
	t.Helper()
	text, err := os.ReadFile(playlist)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.Stat(filepath.Join(filepath.Dir(playlist), "stream.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	var next int64
	for _, m := range regexp.MustCompile(`BYTERANGE[:=]"?(\d+)@(\d+)`).FindAllStringSubmatch(string(text), -1) {
		length, _ := strconv.ParseInt(m[1], 10, 64)
		offset, _ := strconv.ParseInt(m[2], 10, 64)
		if offset != next {
			t.Errorf("%s: range at %d, want %d", playlist, offset, next)
		}
		next = offset + length
	}
	if next == 0 || next != stat.Size() {
		t.Errorf("%s: ranges cover %d of %d bytes", playlist, next, stat.Size())
	}
	total := 0.0
	for _, m := range regexp.MustCompile(`#EXTINF:([\d.]+)`).FindAllStringSubmatch(string(text), -1) {
		seconds, _ := strconv.ParseFloat(m[1], 64)
		if seconds > 6.1 {
			t.Errorf("%s: a segment lasts %v s", playlist, seconds)
		}
		total += seconds
	}
	return total
}

func checkMaster(t *testing.T, out string, result ffmpeg.Result) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(out, result.Master))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Track 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",` +
			`URI="128k/index.m3u8"`,
		`,RESOLUTION=1280x720,FRAME-RATE=30.000,CODECS="avc1.64001F,mp4a.40.2",VIDEO-RANGE=SDR,AUDIO="sound"` +
			"\n720p/index.m3u8\n",
		`,RESOLUTION=854x480,FRAME-RATE=30.000,CODECS="avc1.64001F,mp4a.40.2",VIDEO-RANGE=SDR,AUDIO="sound"` +
			"\n480p/index.m3u8\n",
		`,CODECS="mp4a.40.2"` + "\n64k/index.m3u8\n",
		`",VIDEO-RANGE=SDR,URI="iframes/index.m3u8"` + "\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the master playlist lacks %q:\n%s", want, text)
		}
	}
	if got := inspect(t, "-show_entries", "format=nb_programs", filepath.Join(out, result.Master)); got != "5" {
		t.Errorf("the master playlist opens as %s programs", got)
	}
}

func checkPictures(t *testing.T, out string, result ffmpeg.Result, width, height int) {
	t.Helper()
	f, err := os.Open(filepath.Join(out, result.Poster))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	poster, format, err := image.DecodeConfig(f)
	if err != nil || format != "jpeg" || poster.Width != width || poster.Height != height {
		t.Errorf("poster is %s %+v, %v", format, poster, err)
	}
	for name, want := range map[string]int{"sm": 200, "md": 400, "lg": 800} {
		got := inspect(t, "-show_entries", "stream=codec_name,width,height", filepath.Join(out, result.Thumbnails[name]))
		if expected := fmt.Sprintf("webp\n%d\n%.0f", want, math.Round(float64(want*height)/float64(width))); got != expected {
			t.Errorf("thumbnail %s is %q, want %q", name, got, expected)
		}
	}
}

// checkLoudness: ffmpeg's sine has a peak of 1/8 of full scale, so the track is quiet and must have been lifted.
func checkLoudness(t *testing.T, out string, result ffmpeg.Result) {
	t.Helper()
	if result.Loudness == nil {
		t.Fatal("no loudness")
	}
	near(t, "source loudness", float64(result.Loudness.Integrated), -2175, 60)
	if result.Loudness.Peak < -1900 || result.Loudness.Peak > -1100 { // AAC overshoots where a tone begins
		t.Errorf("source peak = %d", result.Loudness.Peak)
	}
	converted := generateLoudness(t, filepath.Join(out, "128k", "stream.mp4"))
	near(t, "loudness of the rendition", float64(converted.Integrated), -1600, 50)
}

func generateLoudness(t *testing.T, path string) *ffmpeg.Loudness {
	t.Helper()
	result, _ := transcode(t, generate(t, "again.wav", "-i "+path+" -vn"), ffmpeg.WAV)
	return result.Loudness
}

func checkFiles(t *testing.T, out string, result ffmpeg.Result) {
	t.Helper()
	var names []string
	for _, file := range result.Files {
		stat, err := os.Stat(filepath.Join(out, file.Rel))
		if err != nil || stat.Size() != file.Size || file.ContentType == "" {
			t.Errorf("file %+v: %v", file, err)
		}
		names = append(names, file.Rel)
	}
	want := strings.Fields("128k/index.m3u8 128k/stream.mp4 240p/index.m3u8 240p/stream.mp4 " +
		"360p/index.m3u8 360p/stream.mp4 480p/index.m3u8 480p/stream.mp4 64k/index.m3u8 64k/stream.mp4 " +
		"720p/index.m3u8 720p/stream.mp4 audio.m4a iframes/index.m3u8 iframes/stream.mp4 poster.jpg " +
		"preview/preview.m3u8 preview/stream.mp4 storyboard/1.jpg " +
		"thumbnails/lg.webp thumbnails/md.webp thumbnails/sm.webp master.m3u8") // uploaded last
	if !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
}

func TestUnusualVideosBecomePlayable(t *testing.T) {
	t.Parallel()
	const picture = "-f lavfi -i testsrc2=s="
	const x264 = " -c:v libx264 -preset ultrafast -pix_fmt yuv420p "
	rotated := func(t *testing.T) string {
		upright := generate(t, "upright.mp4", picture+"320x240:r=25 -t 2"+x264)
		return generate(t, "rotated.mov", "-i "+upright+" -c copy -metadata:s:v:0 rotate=90")
	}
	for _, c := range []struct {
		name, mime    string
		input         func(t *testing.T) string
		width, height int    // as displayed
		variant, size string // the best variant and its frame
		seconds       float64
	}{
		{"a small one is kept as source, silent", ffmpeg.MP4, func(t *testing.T) string {
			return generate(t, "small.mp4", picture+"320x180:r=25 -t 2"+x264)
		}, 320, 180, "source", "320\n180", 2},
		{"odd sides", ffmpeg.AVI, func(t *testing.T) string {
			return generate(t, "odd.avi", "-f lavfi -i testsrc=s=333x251:r=25 -t 2 -c:v png")
		}, 333, 251, "source", "334\n252", 2},
		{"portrait is treated like landscape", ffmpeg.QuickTime, func(t *testing.T) string {
			return generate(t, "portrait.mov", picture+"540x960:r=25 -t 2"+x264)
		}, 540, 960, "720p", "540\n960", 2},
		{"rotation", ffmpeg.QuickTime, rotated, 240, 320, "source", "240\n320", 2},
		{"pixels that are not square", ffmpeg.MP4, func(t *testing.T) string {
			return generate(t, "wide.mp4", picture+"360x288:r=25 -vf setsar=16/15 -t 2"+x264)
		}, 384, 288, "source", "384\n288", 2},
		{"a variable frame rate", ffmpeg.MP4, func(t *testing.T) string {
			return generate(t, "vfr.mp4", picture+"320x240:r=30 -t 4 -vf select='not(mod(n\\,7))+lt(n\\,30)' -fps_mode vfr"+x264)
		}, 320, 240, "source", "320\n240", 4},
		{"a recording without duration", ffmpeg.WebM, func(t *testing.T) string {
			return generate(t, "live.webm", picture+"320x240:r=25 -f lavfi -i sine=300 -t 2 "+
				"-c:v libvpx -deadline realtime -c:a libopus -live 1 -f webm")
		}, 320, 240, "source", "320\n240", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			result, out := transcode(t, c.input(t), c.mime)
			if result.Width != c.width || result.Height != c.height {
				t.Errorf("size %dx%d, want %dx%d", result.Width, result.Height, c.width, c.height)
			}
			if result.ReadyVariants[0] != c.variant {
				t.Errorf("variants = %v, want %s first", result.ReadyVariants, c.variant)
			}
			near(t, "duration", result.DurationSeconds, c.seconds, 0.25)
			checkRanges(t, filepath.Join(out, c.variant, "index.m3u8"))
			stream := filepath.Join(out, c.variant, "stream.mp4")
			if got := inspect(t, "-select_streams", "v", "-show_entries", "stream=width,height", stream); got != c.size {
				t.Errorf("frame %q, want %q", got, c.size)
			}
			if (result.Loudness != nil) != result.HasAudio {
				t.Errorf("loudness %v for sound %v", result.Loudness, result.HasAudio)
			}
		})
	}
}

func TestAudioBecomesTwoRatesAndAWaveform(t *testing.T) {
	t.Parallel()
	for mime, input := range map[string]func(t *testing.T) string{
		ffmpeg.MP3: func(t *testing.T) string {
			cover := generate(t, "cover.png", "-f lavfi -i testsrc2=s=64x64 -frames:v 1")
			return generate(t, "a.mp3", "-f lavfi -i sine=500:d=4 -i "+cover+
				" -map 0 -map 1 -c:a libmp3lame -c:v png -disposition:v attached_pic")
		},
		ffmpeg.M4A:  func(t *testing.T) string { return generate(t, "a.m4a", "-f lavfi -i sine=500:d=4 -c:a aac") },
		ffmpeg.WAV:  func(t *testing.T) string { return generate(t, "a.wav", "-f lavfi -i sine=500:d=4") },
		ffmpeg.Ogg:  func(t *testing.T) string { return generate(t, "a.ogg", "-f lavfi -i sine=500:d=4 -c:a libvorbis") },
		ffmpeg.WebA: func(t *testing.T) string { return generate(t, "a.webm", "-f lavfi -i sine=500:d=4 -c:a libopus") },
	} {
		t.Run(mime, func(t *testing.T) {
			t.Parallel()
			result, out := transcode(t, input(t), mime)
			if result.Kind != ffmpeg.Audio || !slices.Equal(result.ReadyVariants, []string{"audio"}) || result.Width != 0 {
				t.Errorf("result = %+v", result)
			}
			for _, variant := range []string{"128k", "64k"} {
				near(t, variant, checkRanges(t, filepath.Join(out, variant, "index.m3u8")), 4, 0.2)
			}
			master, _ := os.ReadFile(filepath.Join(out, result.Master))
			if strings.Count(string(master), `CODECS="mp4a.40.2"`) != 2 || strings.Contains(string(master), "RESOLUTION") {
				t.Errorf("master:\n%s", master)
			}
			checkWaveform(t, out, result)
		})
	}
}

func checkWaveform(t *testing.T, out string, result ffmpeg.Result) {
	t.Helper()
	wave := readWaveform(t, filepath.Join(out, result.Waveform))
	if short := readWaveform(t, filepath.Join(out, result.WaveformShort)); !reflect.DeepEqual(short, wave) {
		t.Errorf("the overview of a short track differs: %+v", short)
	}
	near(t, "points", float64(wave.Length), 40, 2)
	if wave.Bits != 8 || len(wave.Data) != 2*wave.Length {
		t.Errorf("waveform has %d bits, %d values for %d points", wave.Bits, len(wave.Data), wave.Length)
	}
	steady := wave.Data[8 : len(wave.Data)-8]                    // codecs overshoot where a tone begins and ends
	near(t, "highest value", float64(slices.Max(steady)), 16, 2) // 1/8 of 128
	near(t, "lowest value", float64(slices.Min(steady)), -16, 2)
	f, err := os.Open(filepath.Join(out, result.WaveformImage))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil || picture.Bounds().Dx() != 1800 || picture.Bounds().Dy() != 140 {
		t.Fatalf("picture: %v", err)
	}
	drawn := func(y int) bool { _, _, _, alpha := picture.At(900, y).RGBA(); return alpha > 0 }
	if !drawn(70) || drawn(20) || drawn(120) {
		t.Error("the picture does not show a quiet tone around its middle line")
	}
}

type waveform struct {
	Bits, Length int
	Rate         int `json:"sample_rate"`
	PerPoint     int `json:"samples_per_pixel"`
	Data         []int
}

func readWaveform(t *testing.T, path string) (w waveform) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestTheOverviewOfALongTrackHasAFewPoints(t *testing.T) {
	t.Parallel()
	result, out := transcode(t, generate(t, "a.wav", "-f lavfi -i sine=500:d=400:r=8000"), ffmpeg.WAV)
	detail := readWaveform(t, filepath.Join(out, result.Waveform))
	short := readWaveform(t, filepath.Join(out, result.WaveformShort))
	near(t, "points of the detail", float64(detail.Length), 4000, 5)
	if short.Length != (detail.Length+2)/3 || len(short.Data) != 2*short.Length || short.Rate != detail.Rate ||
		short.PerPoint != 3*detail.PerPoint || slices.Max(short.Data) != slices.Max(detail.Data) {
		t.Errorf("overview of %d points of %d samples", short.Length, short.PerPoint)
	}
}

func TestATrackWithoutLoudnessIsNotAmplified(t *testing.T) {
	t.Parallel()
	result, _ := transcode(t, generate(t, "silence.wav", "-f lavfi -i anullsrc -t 2"), ffmpeg.WAV)
	if result.Loudness != nil {
		t.Errorf("silence measured as %+v", result.Loudness)
	}
}

func TestAUsedOutputDirectoryIsRejected(t *testing.T) {
	t.Parallel()
	out := filepath.Dir(write(t, "precious", []byte("x")))
	input := generate(t, "a.wav", "-f lavfi -i sine=d=1")
	_, err := newTool(t, nil).Transcode(context.Background(), ffmpeg.Job{Input: input, MIME: ffmpeg.WAV, OutDir: out})
	var reject *ffmpeg.RejectError
	if err == nil || errors.As(err, &reject) {
		t.Errorf("err = %v, want one that is no RejectError", err)
	}
}
