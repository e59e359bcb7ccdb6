//go:build linux

package ffmpeg_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// hostileFile is a file made to waste resources or to lead the programs to another one.
type hostileFile struct {
	name    string
	mime    string
	content func(t *testing.T, b bait) []byte
	code    ffmpeg.Code // "" when it is converted
	most    float64     // seconds that come out of it
}

const (
	hostilePicture = "-f lavfi -i testsrc2=s=320x320:r=25:d=0.4 "
	hostileSound   = "-f lavfi -i sine=d=0.4 "
)

var hostileFiles = []hostileFile{
	{
		name: "FFV1 of enormous size",
		mime: ffmpeg.Matroska,
		content: func(t *testing.T, _ bait) []byte {
			file := made(t, "a.mkv", hostilePicture+"-c:v ffv1")
			file = replaced(t, file, "\xb0\x82\x01\x40", "\xb0\x82\xff\xff")
			return replaced(t, file, "\xba\x82\x01\x40", "\xba\x82\xff\xff")
		},
		code: ffmpeg.TooLarge,
	},
	{
		name: "QuickTime animation of enormous size",
		mime: ffmpeg.QuickTime,
		content: func(t *testing.T, _ bait) []byte {
			return enlarged(t, made(t, "a.mov", hostilePicture+"-c:v qtrle"))
		},
		code: ffmpeg.TooLarge,
	},
	{
		name: "v210 of enormous size",
		mime: ffmpeg.QuickTime,
		content: func(t *testing.T, _ bait) []byte {
			return enlarged(t, made(t, "a.mov", hostilePicture+"-c:v v210"))
		},
		code: ffmpeg.TooLarge,
	},
	{
		name: "PNG that is smaller than QuickTime says",
		mime: ffmpeg.QuickTime,
		content: func(t *testing.T, _ bait) []byte {
			return enlarged(t, made(t, "a.mov", hostilePicture+"-c:v png"))
		},
		most: 0.5,
	},
	{
		name: "PNG that is larger than QuickTime says",
		mime: ffmpeg.QuickTime,
		content: func(t *testing.T, _ bait) []byte {
			return inflatedPNG(t, made(t, "a.mov", hostilePicture+"-c:v png"))
		},
		code: ffmpeg.TooLarge,
	},

	{
		name: "playlist behind a long ID3 tag",
		mime: ffmpeg.MP3,
		content: func(_ *testing.T, b bait) []byte {
			return append(tagID3(2*ffmpeg.SniffLength), b.playlist()...)
		},
		code: ffmpeg.Undecodable,
	},
	{
		name: "playlist behind an ID3 tag of ADTS",
		mime: ffmpeg.AAC,
		content: func(_ *testing.T, b bait) []byte {
			return append(tagID3(2*ffmpeg.SniffLength), b.playlist()...)
		},
		code: ffmpeg.Undecodable,
	},

	{
		name: "ADTS of a day in 8 MB",
		mime: ffmpeg.AAC,
		content: func(*testing.T, bait) []byte {
			// A silent frame of 1024 samples at 7350 Hz.
			return bytes.Repeat([]byte("\xff\xf1\x70\x40\x01\xbf\xfc\x00\xc8\x00\x80\x23\x80"), 630_000)
		},
		code: ffmpeg.TooLong,
	},
	{
		name: "ADTS that repeats",
		mime: ffmpeg.AAC,
		content: func(t *testing.T, _ bait) []byte {
			return bytes.Repeat(made(t, "a.aac", hostileSound), 5)
		},
		most: 2.5,
	},
	{
		name: "transport stream that repeats",
		mime: ffmpeg.MPEGTS,
		content: func(t *testing.T, _ bait) []byte {
			const args = "-f lavfi -i testsrc2=s=64x64:r=25:d=3 -c:v libx264 -preset ultrafast"
			return bytes.Repeat(made(t, "a.ts", args), 5)
		},
		code: ffmpeg.Undecodable,
	},
	{
		name: "transport stream of nothing",
		mime: ffmpeg.MPEGTS,
		content: func(*testing.T, bait) []byte {
			return bytes.Repeat(append([]byte("\x47\x1f\xff\x10"), make([]byte, 184)...), 100_000)
		},
		code: ffmpeg.Undecodable,
	},
	{
		name: "transport stream that jumps by a day",
		mime: ffmpeg.MPEGTS,
		content: func(t *testing.T, _ bait) []byte {
			const args = hostilePicture + "-c:v libx264 -preset ultrafast "
			return append(made(t, "a.ts", args), made(t, "b.ts", args+"-output_ts_offset 90000")...)
		},
		code: ffmpeg.TooLong,
	},

	{
		name: "Matroska of absurd sizes",
		mime: ffmpeg.Matroska,
		content: func(t *testing.T, _ bait) []byte {
			file := made(t, "a.mkv", hostilePicture+"-c:v ffv1")
			at := bytes.Index(file, []byte("\x63\xa2")) // CodecPrivate
			return append(file[:at+2:at+2], append([]byte("\x01\xff\xff\xff\xff\xff\xff\xfe"), file[at+3:]...)...)
		},
		code: ffmpeg.UnsupportedCodec,
	},
	{
		name: "Matroska of unknown sizes, which nest without end",
		mime: ffmpeg.Matroska,
		content: func(t *testing.T, _ bait) []byte {
			file := made(t, "a.mkv", hostilePicture+"-c:v libx264 -preset ultrafast -live 1")
			return append(file, bytes.Repeat([]byte("\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff"), 100_000)...)
		},
		most: 0.5,
	},
	{
		name: "enormous cover of sound in Matroska",
		mime: ffmpeg.WebA,
		content: func(t *testing.T, _ bait) []byte {
			return attached(t, inflatedPNG(t, made(t, "c.png", hostilePicture+"-frames:v 1")), hostileSound+"-c:a libopus")
		},
		most: 0.5,
	},
	{
		name: "playlist as cover of sound in Matroska",
		mime: ffmpeg.WebA,
		content: func(t *testing.T, b bait) []byte {
			cover := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 2*ffmpeg.SniffLength)...)
			return attached(t, append(cover, b.playlist()...), hostileSound+"-c:a libopus")
		},
		most: 0.5,
	},
	{
		name: "cover instead of a film",
		mime: ffmpeg.Matroska,
		content: func(t *testing.T, _ bait) []byte {
			return attached(t, made(t, "c.png", hostilePicture+"-frames:v 1"), hostileSound+"-c:a libopus")
		},
		code: ffmpeg.WrongKind,
	},
	{
		name: "Matroska with a linked segment",
		mime: ffmpeg.Matroska,
		content: func(t *testing.T, b bait) []byte {
			// The title gives way to NextFilename, whose identifier is a byte longer.
			next := b.file
			title := "x" + next
			size := string([]byte{0x80 | byte(len(title))})
			file := made(t, "a.mkv", hostilePicture+"-c:v libx264 -preset ultrafast -metadata title="+title)
			return replaced(t, file, "\x7b\xa9"+size+title, "\x3e\x83\xbb"+string([]byte{0x80 | byte(len(next))})+next)
		},
		most: 0.5,
	},

	{
		name: "Ogg with chained streams",
		mime: ffmpeg.Ogg,
		content: func(t *testing.T, _ bait) []byte {
			return append(made(t, "a.ogg", hostileSound+"-c:a libvorbis"),
				made(t, "b.ogg", hostileSound+"-c:a libvorbis -ar 22050 -ac 2")...)
		},
		most: 1.3,
	},
	{
		name: "Ogg with chained streams that repeat",
		mime: ffmpeg.Ogg,
		content: func(t *testing.T, _ bait) []byte {
			return bytes.Repeat(made(t, "a.ogg", "-f lavfi -i sine=d=3 -c:a libvorbis"), 5)
		},
		code: ffmpeg.Undecodable,
	},
	{
		name: "Ogg with hundreds of streams",
		mime: ffmpeg.Ogg,
		content: func(t *testing.T, _ bait) []byte {
			return multiplexed(made(t, "a.ogg", hostileSound+"-c:a libvorbis"), 300)
		},
		code: ffmpeg.TooManyStreams,
	},

	{
		name: "RF64 of absurd size",
		mime: ffmpeg.WAV,
		content: func(t *testing.T, _ bait) []byte {
			sizes := strings.Repeat("\xff\xff\xff\xff\xff\xff\xff\x7f", 3) // of the file, its data, its samples
			return changed(t, made(t, "a.wav", hostileSound+"-rf64 always"), "ds64", 8, sizes)
		},
		code: ffmpeg.Incomplete,
	},
	{
		name: "AIFF of absurd sizes",
		mime: ffmpeg.AIFF,
		content: func(t *testing.T, _ bait) []byte {
			file := changed(t, made(t, "a.aiff", hostileSound), "FORM", 4, "\xff\xff\xff\xff")
			return changed(t, file, "SSND", 4, "\xff\xff\xff\xff")
		},
		most: 0.5,
	},
	{
		name: "AIFF of absurd length",
		mime: ffmpeg.AIFF,
		content: func(t *testing.T, _ bait) []byte {
			return changed(t, made(t, "a.aiff", hostileSound), "COMM", 10, "\xff\xff\xff\xff")
		},
		code: ffmpeg.Undecodable,
	},
	{
		name: "AIFF that counts more than it has",
		mime: ffmpeg.AIFF,
		content: func(t *testing.T, _ bait) []byte {
			return changed(t, made(t, "a.aiff", hostileSound), "COMM", 10, "\x00\x50\x00\x00")
		},
		code: ffmpeg.Incomplete,
	},
	{
		name: "AIFF of absurd rate",
		mime: ffmpeg.AIFF,
		content: func(t *testing.T, _ bait) []byte {
			return changed(t, made(t, "a.aiff", hostileSound), "COMM", 16, "\x7f\xfe\xff\xff\xff\xff\xff\xff\xff\xff")
		},
		code: ffmpeg.Undecodable,
	},
}

func TestHostileFilesAreRefusedOrConvertedWithinTheLimits(t *testing.T) {
	t.Parallel()
	lure := layBait(t)
	tool := newTool(t, func(cfg *ffmpeg.Config) { cfg.MemoryLimit = 1 << 30 })
	t.Run("files", func(t *testing.T) {
		for _, c := range hostileFiles {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				job := ffmpeg.Job{
					Input:  write(t, "hostile", c.content(t, lure)),
					MIME:   c.mime,
					OutDir: filepath.Join(t.TempDir(), "out"),
				}
				result, err := tool.Transcode(context.Background(), job)
				var reject *ffmpeg.RejectError
				switch {
				case err == nil && c.code == "":
					if result.DurationSeconds > c.most+0.1 {
						t.Errorf("%.1f s came out of it, want %.1f at most", result.DurationSeconds, c.most)
					}
				case err == nil:
					t.Errorf("converted, want %s", c.code)
				case !errors.As(err, &reject) || reject.Code != c.code:
					t.Errorf("err = %v, want code %q", explain(err), c.code)
				}
			})
		}
	})
	lure.checkUntouched(t)
}
