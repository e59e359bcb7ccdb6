package ffmpeg

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Config configures a [Tool]: the programs and the limits of one run. The zero value is usable.
type Config struct {
	FFmpeg  string // path of ffmpeg; default: found in PATH
	FFprobe string // path of ffprobe; default: found in PATH

	Timeout     time.Duration // wall time of one step; default 3600 s
	MemoryLimit int64         // bytes of address space of one process; default 4 GiB, enough for 8K sources
	CPUSeconds  int64         // CPU time of one process over all its threads; default Timeout × Threads
	Threads     int           // decoder, filter and encoder threads; default the number of CPUs, at most 16

	// Slowest is how many times its duration the encoding of a source may take beyond Timeout, and as
	// much CPU time per thread beyond CPUSeconds; default 10.
	Slowest float64
	// LongSource is the duration from which renditions are encoded one by one, so that a crash costs
	// one of them at most; default 10 min.
	LongSource time.Duration

	// Encoder makes the pictures in H.264, and each of ExtraEncoders those of 720p and more in another
	// codec; see [EncoderNames]. Default libx264 and none.
	Encoder       string
	ExtraEncoders []string
	// MaxHeight is the shorter side of the largest picture: 1080, the default, 1440 or 2160.
	MaxHeight int

	Logger *slog.Logger // default slog.Default()
}

// Tool runs ffprobe and ffmpeg. It is safe for concurrent use; every call starts its own processes.
type Tool struct {
	Config
	confinement confinement
	encoders    []*encoder // that of H.264 first
	// toneMaps says that ffmpeg can convert HDR.
	toneMaps bool
}

// New finds the programs, chooses the strongest confinement that works on this machine, and checks
// the encoders. The error is one sentence that says what to install.
func New(cfg Config) (*Tool, error) {
	for _, program := range []struct {
		path *string
		name string
	}{{&cfg.FFmpeg, "ffmpeg"}, {&cfg.FFprobe, "ffprobe"}} {
		if *program.path == "" {
			*program.path = program.name
		}
		found, err := exec.LookPath(*program.path)
		if err != nil {
			return nil, fmt.Errorf("%s was not found: install ffmpeg 5.1 or newer, or configure the path of %s: %w",
				program.name, program.name, err)
		}
		*program.path = found
	}
	if cfg.Threads <= 0 {
		cfg.Threads = min(runtime.NumCPU(), 16)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Hour
	}
	if cfg.MemoryLimit <= 0 {
		cfg.MemoryLimit = 4 << 30
	}
	if cfg.CPUSeconds <= 0 {
		cfg.CPUSeconds = max(1, int64(cfg.Timeout.Seconds())) * int64(cfg.Threads)
	}
	if cfg.Slowest <= 0 {
		cfg.Slowest = 10
	}
	if cfg.LongSource <= 0 {
		cfg.LongSource = 10 * time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Encoder == "" {
		cfg.Encoder = "libx264"
	}
	if cfg.MaxHeight <= 0 {
		cfg.MaxHeight = 1080
	}
	if cfg.MaxHeight != 1080 && cfg.MaxHeight != 1440 && cfg.MaxHeight != 2160 {
		return nil, fmt.Errorf("the largest picture can have 1080, 1440 or 2160 lines, not %d", cfg.MaxHeight)
	}
	t := &Tool{Config: cfg}
	return t, t.examineProgram()
}

// Confinement describes the confinement of child processes on this machine, for logs, for example
// "limits, namespaces, uid 65534".
func (t *Tool) Confinement() string { return t.confinement.String() }

// examineProgram chooses the confinement and checks what this ffmpeg can do in it.
func (t *Tool) examineProgram() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := t.chooseConfinement(ctx); err != nil {
		return err
	}
	listed, err := t.ask(ctx, "-encoders")
	if err != nil {
		return err
	}
	for _, encoder := range []string{"libx264", "libwebp", "aac"} {
		if !strings.Contains(listed, " "+encoder+" ") {
			return fmt.Errorf("ffmpeg at %s lacks the encoder %s: install a build that has it", t.FFmpeg, encoder)
		}
	}
	filters, err := t.ask(ctx, "-filters")
	if err != nil {
		return err
	}
	t.toneMaps = strings.Contains(filters, " zscale ") && strings.Contains(filters, " tonemap ")
	return t.chooseEncoders(ctx, listed)
}

// ask returns what ffmpeg lists.
func (t *Tool) ask(ctx context.Context, list string) (string, error) {
	out := &capped{limit: 1 << 20}
	err := t.run(ctx, invocation{program: t.FFmpeg, args: []string{"-hide_banner", "-v", "error", list}, stdout: out})
	return out.String(), err
}

// chooseConfinement runs ffmpeg in each confinement, the strongest first, and keeps the first that
// works.
func (t *Tool) chooseConfinement(ctx context.Context) error {
	candidates, err := confinements()
	if err != nil {
		return err
	}
	var failure error
	for _, candidate := range candidates {
		t.confinement = candidate
		if _, failure = t.ask(ctx, "-version"); failure == nil {
			return nil
		}
	}
	return fmt.Errorf("ffmpeg at %s could not be run: %w", t.FFmpeg, failure)
}
