package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stderrTail is how many bytes of a program's messages are kept.
const stderrTail = 8 << 10

// limits of one process.
type limits struct {
	memory     int64 // bytes of address space
	cpuSeconds int64
	fileBytes  int64 // largest file it may write
}

// invocation is one run of ffmpeg or ffprobe.
type invocation struct {
	program   string
	args      []string
	input     *os.File  // at inputPath for the child; nil for none
	dir       string    // working directory; default "/"
	stdout    io.Writer // nil discards
	stderr    *tail     // nil keeps it for errors only
	fileBytes int64     // largest file it may write; at least 1 MiB
	seconds   float64   // of media that it converts, which extend its time
}

// limitsOf returns the wall time and the limits of a run.
func (t *Tool) limitsOf(in invocation) (time.Duration, limits) {
	extra := t.Slowest * in.seconds
	return t.Timeout + time.Duration(extra*float64(time.Second)), limits{
		memory:     t.MemoryLimit,
		cpuSeconds: t.CPUSeconds + int64(extra)*int64(t.Threads),
		fileBytes:  max(in.fileBytes, 1<<20),
	}
}

var errStepTimeout = errors.New("step took too long")

// run runs a program confined. The error is a *RejectError when the file is at fault.
func (t *Tool) run(ctx context.Context, in invocation) error {
	timeout, limits := t.limitsOf(in)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errStepTimeout)
	defer cancel()
	if in.stderr == nil {
		in.stderr = &tail{}
	}
	if in.dir == "" {
		in.dir = "/"
	}
	dir, err := os.Open(in.dir)
	if err != nil {
		return fmt.Errorf("open working directory: %w", err)
	}
	defer dir.Close()

	argv := t.confinement.argv(limits, in.program, in.args)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{}
	cmd.Dir = directory(dir)
	cmd.Stdout, cmd.Stderr = in.stdout, in.stderr
	cmd.SysProcAttr = t.confinement.attributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second // for a pipe that a descendant keeps open
	if in.input != nil {
		if err := t.confinement.readable(in.input); err != nil {
			return fmt.Errorf("make the input readable: %w", err)
		}
		cmd.ExtraFiles = []*os.File{in.input}
	}

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", in.program, err)
	}
	err = cmd.Wait()
	// Descendants in the group are killed as well. Usually there are none: ESRCH.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if err == nil {
		return nil
	}
	return t.classify(ctx, cmd.ProcessState, limits.cpuSeconds, err, in.stderr.String())
}

// classify returns the error of a failed run: a *RejectError when the file is at fault.
func (t *Tool) classify(
	ctx context.Context, state *os.ProcessState, cpuSeconds int64, err error, stderr string,
) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStepTimeout) {
		return reject(TimedOut, stderr)
	} else if cause != nil {
		return cause
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("run ffmpeg: %w", err)
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		if used := state.UserTime() + state.SystemTime(); used >= time.Duration(cpuSeconds)*time.Second*9/10 {
			return reject(TooCostly, "CPU time used up\n"+stderr)
		}
		return errors.New("ffmpeg was killed by another process, perhaps for lack of memory")
	}
	switch {
	case contains(stderr, "No space left on device"):
		return fmt.Errorf("run ffmpeg: %w", syscall.ENOSPC)
	// "Input/output error" is missing here: demuxers report it for files that end early.
	case strings.HasPrefix(stderr, "prlimit: "), contains(stderr, "error while loading shared libraries",
		"Permission denied", "Read-only file system"):
		return fmt.Errorf("run ffmpeg: %w: %s", err, printable(stderr))
	case contains(stderr, "exceeds max_streams"):
		return reject(TooManyStreams, stderr)
	case exceedsPixels(stderr):
		return reject(TooLarge, stderr)
	case contains(stderr, "Cannot allocate memory", "Resource temporarily unavailable", "malloc of size",
		"get_buffer() failed", "File too large", "out of memory"):
		return reject(TooCostly, stderr)
	default:
		return reject(Undecodable, stderr)
	}
}

// invalidSize is what the programs say about a picture with too many pixels, or without any.
var invalidSize = regexp.MustCompile(`Picture size (\d+)x(\d+) is invalid`)

func exceedsPixels(stderr string) bool {
	for _, size := range invalidSize.FindAllStringSubmatch(stderr, -1) {
		if size[1] != "0" && size[2] != "0" {
			return true
		}
	}
	return false
}

func contains(s string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// tail keeps the last bytes that were written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - stderrTail; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }

// capped keeps the first bytes that were written to it and records whether there were more.
type capped struct {
	bytes.Buffer
	limit int
	over  bool
}

func (c *capped) Write(p []byte) (int, error) {
	room := min(max(c.limit-c.Len(), 0), len(p))
	c.over = c.over || room < len(p)
	c.Buffer.Write(p[:room])
	return len(p), nil
}

// progress parses the output of ffmpeg's option -progress.
type progress struct {
	lines   lineSplitter
	frames  int64
	seconds float64               // of output
	report  func(seconds float64) // may be nil
}

// Write implements io.Writer.
func (p *progress) Write(b []byte) (int, error) {
	p.lines.split(b, p.parse)
	return len(b), nil
}

// lineSplitter collects what a program writes into lines of 256 bytes at most.
type lineSplitter struct{ line []byte }

// split calls each for every line that ends in b.
func (l *lineSplitter) split(b []byte, each func(line string)) {
	for _, c := range b {
		if c != '\n' {
			if len(l.line) < 256 {
				l.line = append(l.line, c)
			}
			continue
		}
		each(string(l.line))
		l.line = l.line[:0]
	}
}

func (p *progress) parse(line string) {
	key, value, _ := strings.Cut(line, "=")
	number, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil {
		return // a text field, or N/A before the first frame
	}
	switch key {
	case "frame":
		p.frames = number
	case "out_time_us":
		p.seconds = max(p.seconds, float64(number)/1e6)
		if p.report != nil {
			p.report(p.seconds)
		}
	}
}
