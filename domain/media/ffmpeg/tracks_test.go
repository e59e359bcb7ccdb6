package ffmpeg_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/captions"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// withSubtitles returns a film in Matroska with subtitles from a file, whatever is in them.
func withSubtitles(t *testing.T, name string, content []byte) ffmpeg.Result {
	t.Helper()
	film := generate(t, "film.mkv", "-f lavfi -i testsrc2=s=160x90:r=10:d=2 -i "+write(t, name, content)+
		" -map 0 -map 1 -c:v libx264 -preset ultrafast -c:s copy")
	result, out := transcode(t, film, ffmpeg.Matroska)
	for i, track := range result.Captions {
		content, err := os.ReadFile(filepath.Join(out, track.Rel))
		if err != nil {
			t.Fatal(err)
		}
		result.Captions[i].Rel = string(content)
	}
	return result
}

func TestHostileSubtitlesAreTidied(t *testing.T) {
	t.Parallel()
	text := "1\n00:00:00,100 --> 00:00:00,900\n<script>alert(1)</script><b>Hello</b> <img src=x onerror=y>\n\n" +
		"2\n00:00:01,000 --> 00:00:01,000\nno time at all\n\n" +
		"3\n00:00:01,000 --> 02:00:00,000\nlonger than the film\n\n" +
		"4\n00:00:01,100 --> 00:00:01,900\n" + strings.Repeat("huge ", 100_000) + "\n\n" +
		"5\n00:10:00,000 --> 00:11:00,000\nafter the end\n"
	result := withSubtitles(t, "a.srt", []byte(text))
	if len(result.Captions) != 1 || len(result.Notes) != 0 {
		t.Fatalf("captions %d, notes %+v", len(result.Captions), result.Notes)
	}
	got := result.Captions[0].Rel
	for _, bad := range []string{"<script", "<img", "huge", "no time", "after the end"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is left in %.300s", bad, got)
		}
	}
	for _, good := range []string{"<b>Hello</b>", "00:00:01.000 --> 00:00:02.000\nlonger"} {
		if !strings.Contains(got, good) {
			t.Errorf("%q is missing in %.300s", good, got)
		}
	}
}

func TestSubtitlesWithoutATextAreNoted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file    string
		content []byte
		code    ffmpeg.NoteCode
	}{
		"longer than a track may be": {"a.srt", manyCues(30_000), ffmpeg.DamagedSubtitles},
		"after the end":              {"a.srt", []byte("1\n00:10:00,000 --> 00:11:00,000\nlate\n"), ffmpeg.DamagedSubtitles},
		"pictures":                   {"a.sup", presentationGraphics(), ffmpeg.PictureSubtitles},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := withSubtitles(t, c.file, c.content)
			if len(result.Captions) != 0 || len(result.Notes) != 1 || result.Notes[0].Code != c.code ||
				!strings.Contains(result.Notes[0].Message, "stream 1") {
				t.Errorf("captions %d, notes %+v", len(result.Captions), result.Notes)
			}
			for _, file := range result.Files {
				if strings.HasSuffix(file.Rel, ".vtt") {
					t.Errorf("%s is left", file.Rel)
				}
			}
		})
	}
}

func manyCues(n int) []byte {
	var text bytes.Buffer
	long := strings.Repeat("word ", 20)
	for i := range n {
		fmt.Fprintf(&text, "%[1]d\n00:00:00,%03[2]d --> 00:00:01,900\n%[1]d %[3]s\n\n", i+1, i%1000, long)
	}
	if text.Len() < captions.MaxBytes {
		panic("too short")
	}
	return text.Bytes()
}

// presentationGraphics returns subtitles as they are on Blu-ray discs: two empty pictures.
func presentationGraphics() []byte {
	var sup bytes.Buffer
	for _, seconds := range []uint32{0, 1} {
		for _, segment := range []struct {
			kind byte
			data []byte
		}{
			{0x16, []byte{0, 160, 0, 90, 0x10, 0, 0, 0x80, 0, 0, 0}},
			{0x80, nil},
		} {
			sup.WriteString("PG")
			_ = binary.Write(&sup, binary.BigEndian, []uint32{seconds * 90_000, 0})
			sup.WriteByte(segment.kind)
			_ = binary.Write(&sup, binary.BigEndian, uint16(len(segment.data)))
			sup.Write(segment.data)
		}
	}
	return sup.Bytes()
}
