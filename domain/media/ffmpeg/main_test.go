package ffmpeg_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

var sharedTool = sync.OnceValues(func() (*ffmpeg.Tool, error) {
	return ffmpeg.New(ffmpeg.Config{Threads: 2, Timeout: 2 * time.Minute})
})

// newTool returns a tool with two threads: the shared one, or one of its own with a changed configuration.
func newTool(t *testing.T, change func(*ffmpeg.Config)) *ffmpeg.Tool {
	t.Helper()
	tool, err := sharedTool()
	if change != nil {
		cfg := ffmpeg.Config{Threads: 2, Timeout: 2 * time.Minute}
		change(&cfg)
		tool, err = ffmpeg.New(cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// generate makes a media file with ffmpeg's own test sources; args are everything but the output.
func generate(t *testing.T, name, args string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	argv := append([]string{"-v", "error", "-nostdin", "-y"}, strings.Fields(args)...)
	if out, err := exec.Command("ffmpeg", append(argv, path)...).CombinedOutput(); err != nil {
		t.Fatalf("generate %s: %v\n%s", name, err, out)
	}
	return path
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// inspect runs ffprobe, unconfined, on something the test trusts.
func inspect(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("ffprobe", append([]string{"-v", "error", "-of", "default=nw=1:nk=1"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffprobe %v: %v\n%s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func transcode(t *testing.T, input, mime string) (ffmpeg.Result, string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	result, err := newTool(t, nil).Transcode(context.Background(), ffmpeg.Job{Input: input, MIME: mime, OutDir: out})
	if err != nil {
		t.Fatal(explain(err))
	}
	return result, out
}
