package ffmpeg_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

func TestTheSoundIsInOneFileThatCanBePlayedWhileItArrives(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ mime, args string }{
		"song.wav": {ffmpeg.WAV, "-f lavfi -i sine=d=3"},
		"film.mp4": {ffmpeg.MP4, "-f lavfi -i testsrc2=s=320x240:r=10:d=3 -f lavfi -i sine=d=3 " +
			"-c:v libx264 -preset ultrafast -c:a aac"},
	} {
		result, out := transcode(t, generate(t, name, c.args), c.mime)
		file := filepath.Join(out, result.Audio)
		if got := inspect(t, "-show_entries", "stream=codec_name", file); got != "aac" {
			t.Errorf("%s: streams %s", name, got)
		}
		seconds, _ := strconv.ParseFloat(strings.TrimSpace(inspect(t, "-show_entries", "format=duration", file)), 64)
		near(t, "duration of "+name, seconds, 3, 0.1)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		index, data := bytes.Index(content, []byte("moov")), bytes.Index(content, []byte("mdat"))
		if index < 0 || index > data || bytes.Contains(content, []byte("moof")) || string(content[8:12]) != "M4A " {
			t.Errorf("%s: index at %d, data at %d, brand %s", name, index, data, content[8:12])
		}
	}
}

func TestAFilmWithoutSoundHasNoAudioFile(t *testing.T) {
	t.Parallel()
	result, _ := transcode(t, generate(t, "film.mp4",
		"-f lavfi -i testsrc2=s=320x240:r=10:d=1 -c:v libx264 -preset ultrafast"), ffmpeg.MP4)
	if result.Audio != "" {
		t.Errorf("audio file %s", result.Audio)
	}
}
