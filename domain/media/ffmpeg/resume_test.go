package ffmpeg_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// eachAlone treats every source as a long one.
func eachAlone(cfg *ffmpeg.Config) { cfg.LongSource = time.Millisecond }

func TestALongSourceKeepsTheRenditionsOfAnEarlierCall(t *testing.T) {
	t.Parallel()
	clip := generate(t, "clip.mp4", "-f lavfi -i testsrc2=s=1280x720:r=30 -f lavfi -i sine=440:r=44100 -t 4 "+
		"-c:v libx264 -preset ultrafast -c:a aac")
	out := filepath.Join(t.TempDir(), "out")
	tool := newTool(t, eachAlone)
	crash := errors.New("crash")
	var kept []ffmpeg.Rendition
	_, err := tool.Transcode(context.Background(), ffmpeg.Job{
		Input:  clip,
		MIME:   ffmpeg.MP4,
		OutDir: out,
		Finished: func(r ffmpeg.Rendition) error {
			kept = append(kept, r)
			return crash
		},
	})
	if !errors.Is(err, crash) || len(kept) != 1 || kept[0].Name != "360p" {
		t.Fatalf("first call: %v, finished %+v", err, kept)
	}
	stream := filepath.Join(out, "360p", "stream.mp4")
	before := stat(t, stream)
	if err := onlyKeep(out, "360p"); err != nil {
		t.Fatal(err)
	}

	var finished []string
	lowest := 100
	result, err := tool.Transcode(context.Background(), ffmpeg.Job{
		Input:  clip,
		MIME:   ffmpeg.MP4,
		OutDir: out,
		Kept:   kept,
		Finished: func(r ffmpeg.Rendition) error {
			finished = append(finished, r.Name)
			return nil
		},
		Progress: func(step ffmpeg.Step, percent int) {
			if step == ffmpeg.Encoding {
				lowest = min(lowest, percent)
			}
		},
	})
	if err != nil {
		t.Fatal(explain(err))
	}
	if !slices.Contains(result.ReadyVariants, "360p") || slices.Contains(finished, "360p") ||
		strings.Join(finished, " ") != "128k 64k 720p 480p 240p" {
		t.Errorf("variants %v, encoded again %v", result.ReadyVariants, finished)
	}
	if after := stat(t, stream); !after.ModTime().Equal(before.ModTime()) {
		t.Error("a finished rendition was written again")
	}
	if lowest < 10 {
		t.Errorf("encoding went on at %d %%, although a part of it was done", lowest)
	}
}

func TestARenditionOfOtherSettingsIsEncodedAgain(t *testing.T) {
	t.Parallel()
	clip := generate(t, "clip.mp4", "-f lavfi -i testsrc2=s=320x240:r=10 -t 1 -c:v libx264 -preset ultrafast")
	out := filepath.Join(t.TempDir(), "out")
	rel := filepath.Join(out, "source", "stream.mp4")
	if err := errors.Join(os.MkdirAll(filepath.Dir(rel), 0o700), os.WriteFile(rel, []byte("old"), 0o600)); err != nil {
		t.Fatal(err)
	}
	result, err := newTool(t, nil).Transcode(context.Background(), ffmpeg.Job{
		Input:  clip,
		MIME:   ffmpeg.MP4,
		OutDir: out,
		Kept:   []ffmpeg.Rendition{{Name: "source", Recipe: "another"}},
	})
	if err != nil {
		t.Fatal(explain(err))
	}
	if result.ReadyVariants[0] != "source" || stat(t, rel).Size() < 100 {
		t.Errorf("variants %v, %d bytes", result.ReadyVariants, stat(t, rel).Size())
	}
}

func TestAPlanBoundsTheOutputs(t *testing.T) {
	t.Parallel()
	clip := generate(t, "clip.mp4", "-f lavfi -i testsrc2=s=640x360:r=25 -t 2 -c:v libx264 -preset ultrafast")
	noSpace := errors.New("no space")
	var plan ffmpeg.Plan
	_, err := newTool(t, nil).Transcode(context.Background(), ffmpeg.Job{
		Input:  clip,
		MIME:   ffmpeg.MP4,
		OutDir: filepath.Join(t.TempDir(), "out"),
		Planned: func(p ffmpeg.Plan) error {
			plan = p
			return noSpace
		},
	})
	if !errors.Is(err, noSpace) || plan.Info.DurationSeconds != 2 || plan.OutputBytes < 128<<20 {
		t.Errorf("%v, plan %+v", err, plan)
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// onlyKeep removes everything else from a directory.
func onlyKeep(dir, name string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.Name() != name {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}
