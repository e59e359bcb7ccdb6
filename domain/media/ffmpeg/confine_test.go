//go:build linux

package ffmpeg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// longClip takes minutes to convert and no time to make: five minutes that repeat.
func longClip(t *testing.T) string {
	t.Helper()
	second := generate(t, "second.mp4", "-f lavfi -i testsrc2=s=1280x720:r=30 -t 1 -c:v libx264 -preset ultrafast")
	return generate(t, "long.mp4", "-stream_loop 300 -i "+second+" -c copy")
}

// running counts the processes that were given so many threads; each test uses a number of its own as its mark.
func running(t *testing.T, threads int) int {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, name := range commands {
		line, _ := os.ReadFile(name) // gone meanwhile: not running
		mark := fmt.Appendf(nil, "\x00-threads\x00%d\x00", threads)
		if bytes.Contains(line, mark) && bytes.Contains(line, []byte("ffmpeg")) {
			count++
		}
	}
	return count
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}

func TestCancellationLeavesNoProcess(t *testing.T) {
	t.Parallel()
	const mark = 7
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := 0
	tool := newTool(t, func(cfg *ffmpeg.Config) { cfg.Threads = mark })
	_, err := tool.Transcode(ctx, ffmpeg.Job{
		Input:  longClip(t),
		MIME:   ffmpeg.MP4,
		OutDir: filepath.Join(t.TempDir(), "out"),
		Progress: func(step ffmpeg.Step, percent int) {
			if step == ffmpeg.Encoding && percent > 12 && seen == 0 {
				seen = running(t, mark)
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want the cancellation", err)
	}
	if seen == 0 {
		t.Error("no process was seen before the cancellation")
	}
	if left := running(t, mark); left != 0 {
		t.Errorf("%d processes outlived the call", left)
	}
}

// The test starts itself as a worker in a second process, and kills that.
func TestAKilledWorkerEndsFFmpeg(t *testing.T) {
	const mark, variable = 9, "CODEX_TEST_TRANSCODE"
	if input := os.Getenv(variable); input != "" {
		tool := newTool(t, func(cfg *ffmpeg.Config) { cfg.Threads = mark })
		out := filepath.Join(t.TempDir(), "out")
		_, err := tool.Transcode(context.Background(), ffmpeg.Job{Input: input, MIME: ffmpeg.MP4, OutDir: out})
		t.Fatalf("the worker was not killed: %v", err)
	}
	t.Parallel()
	worker := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	worker.Env = append(os.Environ(), variable+"="+longClip(t), "TMPDIR="+t.TempDir())
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = worker.Process.Kill() }()
	eventually(t, "ffmpeg runs", func() bool { return running(t, mark) > 0 })
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait()
	eventually(t, "ffmpeg ends with its worker", func() bool { return running(t, mark) == 0 })
}

func TestLimitsStopAnExpensiveFile(t *testing.T) {
	t.Parallel()
	clip := longClip(t)
	for _, c := range []struct {
		name   string
		change func(*ffmpeg.Config)
		code   ffmpeg.Code
	}{
		{"memory", func(cfg *ffmpeg.Config) { cfg.MemoryLimit = 300 << 20 }, ffmpeg.TooCostly},
		{"CPU time", func(cfg *ffmpeg.Config) { cfg.CPUSeconds, cfg.Slowest = 2, 0.01 }, ffmpeg.TooCostly},
		{"wall time", func(cfg *ffmpeg.Config) { cfg.Timeout, cfg.Slowest = 4*time.Second, 0.01 }, ffmpeg.TimedOut},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tool := newTool(t, c.change)
			out := filepath.Join(t.TempDir(), "out")
			_, err := tool.Transcode(context.Background(), ffmpeg.Job{Input: clip, MIME: ffmpeg.MP4, OutDir: out})
			var reject *ffmpeg.RejectError
			if !errors.As(err, &reject) || reject.Code != c.code {
				t.Errorf("err = %v, want code %s", explain(err), c.code)
			}
		})
	}
}

// A program instead of ffprobe reports what it sees in its messages.
func TestTheChildIsIsolated(t *testing.T) {
	t.Parallel()
	const spy = `#!/bin/sh
exec 1>&2
echo "[uid $(/usr/bin/id -u)] [interfaces $(grep -c : /proc/net/dev)] [directory $(pwd -P)] [arguments $*]"
echo "[memory $(ulimit -v)] [seconds $(ulimit -t)] [files $(ulimit -n)] [core $(ulimit -c)]"
echo "[environment $(/usr/bin/env | cut -d= -f1 | grep -v -e PWD -e SHLVL -e '^_$' | tr '\\n' ' ')]"
exit 1
`
	dir, err := os.MkdirTemp("", "spy") // t.TempDir would hide the program from an unprivileged child
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "ffprobe")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, []byte(spy), 0o755)); err != nil {
		t.Fatal(err)
	}
	tool := newTool(t, func(cfg *ffmpeg.Config) {
		cfg.FFprobe, cfg.MemoryLimit, cfg.CPUSeconds = path, 1<<30, 77
	})
	input := generate(t, "a.wav", "-f lavfi -i sine=d=1")
	_, err = tool.Probe(context.Background(), input, ffmpeg.WAV)
	var reject *ffmpeg.RejectError
	if !errors.As(err, &reject) {
		t.Fatal(err)
	}
	want := []string{"[directory /]", "[memory 1048576]", "[seconds 77]", "[files 128]", "[core 0]", "[environment ]"}
	if strings.Contains(tool.Confinement(), "uid 65534") {
		want = append(want, "[uid 65534]")
	}
	if strings.Contains(tool.Confinement(), "namespaces") {
		want = append(want, "[interfaces 1]")
	}
	for _, fact := range want {
		if !strings.Contains(reject.Detail, fact) {
			t.Errorf("%s is not among what the child reports:\n%s", fact, reject.Detail)
		}
	}
	if strings.Contains(reject.Detail, input) {
		t.Errorf("the child has the path of its input:\n%s", reject.Detail)
	}
	if os.Geteuid() == 0 && !strings.Contains(tool.Confinement(), "uid 65534") {
		t.Errorf("root runs ffmpeg with %s", tool.Confinement())
	}
}
