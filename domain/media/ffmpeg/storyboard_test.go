package ffmpeg_test

import (
	"bytes"
	"image/jpeg"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// The film is black, and grey from a time on: tiles before it are dark, those after it are not.
func TestAStoryboardShowsWhatPlays(t *testing.T) {
	t.Parallel()
	film := generate(t, "film.mp4", "-f lavfi -i color=black:s=320x180:r=5:d=64 "+
		"-vf drawbox=w=iw:h=ih:c=gray:t=fill:enable=gte(t\\,31.9) -c:v libx264 -preset ultrafast")
	result, out := transcode(t, film, ffmpeg.MP4)
	want := ffmpeg.Storyboard{
		Dir:        "storyboard",
		Interval:   2,
		TileWidth:  160,
		TileHeight: 90,
		Columns:    5,
		Rows:       5,
		Tiles:      32,
	}
	if result.Storyboard == nil || *result.Storyboard != want {
		t.Fatalf("storyboard %+v", result.Storyboard)
	}
	for n, light := range map[int]bool{0: false, 7: false, 15: false, 16: true, 24: true, 25: true, 31: true} {
		file, err := os.Open(filepath.Join(out, want.Dir, strconv.Itoa(n/25+1)+".jpg"))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := jpeg.Decode(file)
		_ = file.Close()
		if err != nil || picture.Bounds().Dx() != 800 || picture.Bounds().Dy() != 450 {
			t.Fatalf("sprite of tile %d: %v", n, err)
		}
		red, _, _, _ := picture.At(n%5*160+80, n%25/5*90+45).RGBA()
		if got := red>>8 > 64; got != light {
			t.Errorf("tile %d, at %d s: light %v", n, 2*n, got)
		}
	}
	if _, err := os.Stat(filepath.Join(out, want.Dir, "3.jpg")); err == nil {
		t.Error("there is a file too many")
	}
}

func TestTheCoverOfAudioBecomesItsPictures(t *testing.T) {
	t.Parallel()
	cover := generate(t, "cover.png", "-f lavfi -i testsrc2=s=600x600 -frames:v 1")
	song := generate(t, "a.mp3", "-f lavfi -i sine=d=2 -i "+cover+
		" -map 0 -map 1 -c:a libmp3lame -c:v copy -disposition:v attached_pic")
	result, out := transcode(t, song, ffmpeg.MP3)
	if result.Poster == "" || len(result.Thumbnails) != 3 || result.Kind != ffmpeg.Audio {
		t.Fatalf("result %+v", result)
	}
	if got := inspect(t, "-show_entries", "stream=width,height", filepath.Join(out, result.Poster)); got != "600\n600" {
		t.Errorf("poster of %s", got)
	}
}

func TestADamagedCoverIsLeftOut(t *testing.T) {
	t.Parallel()
	cover := generate(t, "cover.png", "-f lavfi -i testsrc2=s=600x600 -frames:v 1")
	content, err := os.ReadFile(cover)
	if err != nil {
		t.Fatal(err)
	}
	song := generate(t, "a.mp3", "-f lavfi -i sine=d=2 -i "+cover+
		" -map 0 -map 1 -c:a libmp3lame -c:v copy -disposition:v attached_pic")
	whole, err := os.ReadFile(song)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, content)
	if at < 0 {
		t.Fatal("the cover is not in the file")
	}
	for i := at + 50; i < at+len(content); i++ { // behind its header
		whole[i] = 0x2A
	}
	result, out := transcode(t, write(t, "damaged.mp3", whole), ffmpeg.MP3)
	if result.Poster != "" || result.Waveform == "" {
		t.Errorf("result %+v", result)
	}
	if left, _ := filepath.Glob(filepath.Join(out, "thumbnails", "*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
