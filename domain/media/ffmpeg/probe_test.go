package ffmpeg_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

func TestProbeDescribesAVideo(t *testing.T) {
	t.Parallel()
	clip := generate(t, "a.mp4", "-f lavfi -i testsrc2=s=640x360:r=30000/1001 -f lavfi -i sine -t 2 "+
		"-c:v libx264 -preset ultrafast -c:a aac")
	info, err := newTool(t, nil).Probe(context.Background(), clip, ffmpeg.MP4)
	if err != nil {
		t.Fatal(explain(err))
	}
	near(t, "duration", info.DurationSeconds, 2, 0.1)
	near(t, "frame rate", info.FrameRate, 29.97, 0.01)
	if info.Kind != ffmpeg.Video || info.Width != 640 || info.Height != 360 || !info.HasAudio || info.Streams != 2 ||
		info.VideoCodec != "h264" || info.AudioCodec != "aac" {
		t.Errorf("info = %+v", info)
	}
}

func TestProbeRejectsInvalidFiles(t *testing.T) {
	t.Parallel()
	const video = "-f lavfi -i testsrc2=s=320x240:r=25 -t 2 -c:v libx264 -preset ultrafast "
	const tone = "-f lavfi -i sine=d=2 "
	for _, c := range []struct {
		name, mime string
		input      func(t *testing.T) string
		code       ffmpeg.Code
	}{
		{"audio declared as video", ffmpeg.MP4, func(t *testing.T) string {
			return generate(t, "a.mp4", tone+"-c:a aac")
		}, ffmpeg.WrongKind},
		{"video declared as audio", ffmpeg.M4A, func(t *testing.T) string {
			return generate(t, "a.mp4", video)
		}, ffmpeg.WrongKind},
		{"another container", ffmpeg.WebM, func(t *testing.T) string {
			return generate(t, "a.mp4", video)
		}, ffmpeg.Undecodable},
		{"a type that is not allowed", "video/x-flv", func(t *testing.T) string {
			return generate(t, "a.mkv", video)
		}, ffmpeg.Unsupported},
		{"text", ffmpeg.MP4, func(t *testing.T) string {
			return write(t, "a.mp4", []byte(strings.Repeat("to be or not to be ", 400)))
		}, ffmpeg.Undecodable},
		{"an empty file", ffmpeg.MP3, func(t *testing.T) string { return write(t, "a.mp3", nil) }, ffmpeg.Undecodable},
		{"a header without media", ffmpeg.MP4, func(t *testing.T) string {
			return write(t, "a.mp4", append([]byte("\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom"), make([]byte, 5000)...))
		}, ffmpeg.Undecodable},
		{"frames turned to noise", ffmpeg.MP4, overwriteMedia, ffmpeg.Undecodable},
		{"too many streams", ffmpeg.MP4, func(t *testing.T) string {
			return generate(t, "a.mp4", "-f lavfi -i testsrc2=s=64x64:r=25 -t 1 -c:v libx264 -preset ultrafast "+
				strings.Repeat("-map 0 ", 65))
		}, ffmpeg.TooManyStreams},
		{"too large a frame", ffmpeg.AVI, func(t *testing.T) string {
			return generate(t, "a.avi", "-f lavfi -i color=s=8208x16:r=25 -t 0.2 -c:v mjpeg")
		}, ffmpeg.TooLarge},
		{"longer than a day", ffmpeg.MP4, func(t *testing.T) string {
			return generate(t, "a.mp4", "-f lavfi -i testsrc2=s=64x64:r=25 -frames:v 3 -vf setpts=N*50000/TB "+
				"-fps_mode vfr -c:v libx264 -preset ultrafast")
		}, ffmpeg.TooLong},
		{"an unusual codec", ffmpeg.AVI, func(t *testing.T) string {
			return generate(t, "a.avi", "-f lavfi -i testsrc2=s=64x64:r=25 -t 1 -c:v snow -strict -2")
		}, ffmpeg.UnsupportedCodec},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := newTool(t, nil).Probe(context.Background(), c.input(t), c.mime)
			var reject *ffmpeg.RejectError
			if !errors.As(err, &reject) || reject.Code != c.code {
				t.Fatalf("err = %v, want code %s", err, c.code)
			}
			if reject.Message == "" || strings.Contains(reject.Message, "/") || strings.Contains(reject.Detail, "/proc") {
				t.Errorf("message %q, detail %q", reject.Message, reject.Detail)
			}
		})
	}
}

// overwriteMedia keeps all headers and makes the compressed pictures meaningless.
func overwriteMedia(t *testing.T) string {
	path := generate(t, "a.mp4",
		"-f lavfi -i testsrc2=s=320x240:r=25 -t 2 -c:v libx264 -preset ultrafast -movflags +faststart")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	media := bytes.Index(content, []byte("mdat")) + 4
	for i := media; i < len(content); i++ {
		content[i] = byte(i*i>>3) | 0x80
	}
	return write(t, "noise.mp4", content)
}

func TestATruncatedFileIsRejected(t *testing.T) {
	t.Parallel()
	whole := generate(t, "a.mp4",
		"-f lavfi -i testsrc2=s=320x240:r=25 -t 8 -c:v libx264 -preset ultrafast -movflags +faststart")
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	cut := write(t, "cut.mp4", content[:len(content)/2])
	job := ffmpeg.Job{Input: cut, MIME: ffmpeg.MP4, OutDir: filepath.Join(t.TempDir(), "out")}
	_, err = newTool(t, nil).Transcode(context.Background(), job)
	var reject *ffmpeg.RejectError
	if !errors.As(err, &reject) || reject.Code != ffmpeg.Incomplete {
		t.Errorf("err = %v, want code %s", err, ffmpeg.Incomplete)
	}
}

func TestAMissingFileIsNotARejection(t *testing.T) {
	t.Parallel()
	for _, path := range []string{filepath.Join(t.TempDir(), "absent.mp4"), t.TempDir()} {
		_, err := newTool(t, nil).Probe(context.Background(), path, ffmpeg.MP4)
		var reject *ffmpeg.RejectError
		if err == nil || errors.As(err, &reject) {
			t.Errorf("err = %v", err)
		}
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := ffmpeg.New(ffmpeg.Config{FFmpeg: "/nowhere/ffmpeg"})
	if err == nil || !strings.Contains(err.Error(), "install ffmpeg") {
		t.Errorf("err = %v", err)
	}
	_, err = ffmpeg.New(ffmpeg.Config{FFmpeg: "/bin/true"})
	if err == nil || !strings.Contains(err.Error(), "lacks the encoder libx264") {
		t.Errorf("err = %v", err)
	}
}
