package ffmpeg_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

func TestFurtherCodecsAreInTheSameMasterPlaylist(t *testing.T) {
	t.Parallel()
	tool := newTool(t, func(cfg *ffmpeg.Config) { cfg.ExtraEncoders = []string{"libx265", "libsvtav1"} })
	out := filepath.Join(t.TempDir(), "out")
	clip := generate(t, "clip.mp4", "-f lavfi -i testsrc2=s=1280x720:r=10 -t 3 -c:v libx264 -preset ultrafast")
	result, err := tool.Transcode(t.Context(), ffmpeg.Job{Input: clip, MIME: ffmpeg.MP4, OutDir: out})
	if err != nil {
		t.Fatal(explain(err))
	}
	text, err := os.ReadFile(filepath.Join(out, result.Master))
	if err != nil {
		t.Fatal(err)
	}
	for name, codec := range map[string]string{"720p": "avc1.64", "720p-hevc": "hvc1.1.6.L", "720p-av1": "av01.0.0"} {
		before, _, found := strings.Cut(string(text), "\n"+name+"/index.m3u8\n")
		if stream := before[strings.LastIndex(before, "\n")+1:]; !found || !strings.Contains(stream, `CODECS="`+codec) {
			t.Errorf("%s is %q, want %s", name, stream, codec)
		}
		checkRanges(t, filepath.Join(out, name, "index.m3u8"))
		var keyFrames []string
		for packet := range strings.FieldsSeq(inspect(t, "-select_streams", "v", "-show_entries", "packet=pts_time,flags",
			"-of", "csv=p=0", filepath.Join(out, name, "stream.mp4"))) {
			if at, flags, _ := strings.Cut(packet, ","); strings.HasPrefix(flags, "K") {
				keyFrames = append(keyFrames, at)
			}
		}
		if got := strings.Join(keyFrames, " "); got != "0.000000 2.000000" {
			t.Errorf("key frames of %s at %s", name, got)
		}
	}
	if strings.Contains(string(text), "480p-") || strings.Join(result.ReadyVariants, " ") != "720p 480p 360p 240p" {
		t.Errorf("variants %v in\n%s", result.ReadyVariants, text)
	}
}

func TestAnEncoderThatIsNotThereIsAnErrorAtStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*ffmpeg.Config)
		want   string
	}{
		"no hardware": {func(cfg *ffmpeg.Config) { cfg.Encoder = "h264_nvenc" }, "h264_nvenc does not work on this machine"},
		"no device":   {func(cfg *ffmpeg.Config) { cfg.Encoder = "h264_vaapi" }, "h264_vaapi does not work on this machine"},
		"another OS":  {func(cfg *ffmpeg.Config) { cfg.Encoder = "h264_videotoolbox" }, "lacks the encoder h264_video"},
		"unknown":     {func(cfg *ffmpeg.Config) { cfg.Encoder = "magic" }, "choose of libx264"},
		"no H.264":    {func(cfg *ffmpeg.Config) { cfg.Encoder = "libx265" }, "must make h264"},
		"twice": {func(cfg *ffmpeg.Config) {
			cfg.ExtraEncoders = []string{"libsvtav1", "libsvtav1"}
		}, "second one for av1"},
		"a height": {func(cfg *ffmpeg.Config) { cfg.MaxHeight = 900 }, "1080, 1440 or 2160"},
	} {
		cfg := ffmpeg.Config{}
		c.change(&cfg)
		if _, err := ffmpeg.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestHDRIsRefusedWhereItCannotBeConverted(t *testing.T) {
	t.Parallel()
	bare := write(t, "ffmpeg", []byte("#!/bin/sh\nexec ffmpeg \"$@\" | grep -v zscale\n"))
	script := "#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin\n" +
		"case \"$*\" in *-filters*) ffmpeg \"$@\" | grep -v zscale ;; *) exec ffmpeg \"$@\" ;; esac\n"
	if err := os.WriteFile(bare, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	for path := bare; path != "/"; path = filepath.Dir(path) { // the confined child is another user
		if err := os.Chmod(path, 0o755); err != nil || path == os.TempDir() {
			break
		}
	}
	tool := newTool(t, func(cfg *ffmpeg.Config) { cfg.FFmpeg = bare })
	clip := generate(t, "hdr.mp4", "-f lavfi -i color=red:s=320x180:r=25:d=1 -c:v libx264 -pix_fmt yuv420p10le "+
		"-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc")
	_, err := tool.Transcode(t.Context(), ffmpeg.Job{Input: clip, MIME: ffmpeg.MP4, OutDir: t.TempDir()})
	var reject *ffmpeg.RejectError
	if !errors.As(err, &reject) || reject.Code != ffmpeg.UnsupportedCodec || !strings.Contains(reject.Message, "HDR") ||
		!strings.Contains(reject.Message, "re-export it as SDR") {
		t.Errorf("err = %v", err)
	}
}
