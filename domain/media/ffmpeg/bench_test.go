package ffmpeg_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// BenchmarkTranscode compares a whole job with one plain ffmpeg that makes the same renditions of
// picture and sound: without examining the source, loudness, preview, poster and I-frames. Reported are
// the seconds of both, their ratio, that of their CPU time, which other programs on the machine disturb
// less, and the share of the job after which the first rendition is there.
func BenchmarkTranscode(b *testing.B) {
	for name, source := range map[string]struct {
		size    string
		seconds int
		sizes   []string
	}{
		"720p-20s":  {"1280x720", 20, []string{"1280:720", "854:480", "640:360", "426:240"}},
		"1080p-60s": {"1920x1080", 60, []string{"1920:1080", "1280:720", "854:480", "640:360", "426:240"}},
	} {
		b.Run(name, func(b *testing.B) {
			tool, err := ffmpeg.New(ffmpeg.Config{})
			if err != nil {
				b.Fatal(err)
			}
			clip := filepath.Join(b.TempDir(), "clip.mp4")
			run(b, b.TempDir(), strings.Fields(fmt.Sprintf("-f lavfi -i testsrc2=s=%s:r=30 -f lavfi -i sine=r=48000 -t %d "+
				"-c:v libx264 -preset ultrafast -crf 28 -pix_fmt yuv420p -c:a aac %s", source.size, source.seconds, clip)))
			var plain, job, first, plainCPU, jobCPU time.Duration
			for b.Loop() {
				began, used := time.Now(), childrenCPU(b)
				plainLadder(b, clip, source.sizes)
				plain += time.Since(began)
				plainCPU += childrenCPU(b) - used

				began, used = time.Now(), childrenCPU(b)
				_, err := tool.Transcode(context.Background(), ffmpeg.Job{
					Input:  clip,
					MIME:   ffmpeg.MP4,
					OutDir: filepath.Join(b.TempDir(), "out"),
					Playable: func(ffmpeg.Playable) error {
						first += time.Since(began)
						return nil
					},
				})
				if err != nil {
					b.Fatal(explain(err))
				}
				job += time.Since(began)
				jobCPU += childrenCPU(b) - used
			}
			b.ReportMetric(plain.Seconds()/float64(b.N), "s/ffmpeg")
			b.ReportMetric(job.Seconds()/float64(b.N), "s/job")
			b.ReportMetric(job.Seconds()/plain.Seconds(), "job/ffmpeg")
			b.ReportMetric(jobCPU.Seconds()/plainCPU.Seconds(), "cpu/ffmpeg")
			b.ReportMetric(first.Seconds()/job.Seconds(), "first/job")
		})
	}
}

// plainLadder makes pictures of these sizes and two rates of sound in one process.
func plainLadder(b *testing.B, clip string, sizes []string) {
	b.Helper()
	dir := b.TempDir()
	rates := map[string]int{"1920:1080": 5000, "1280:720": 3000, "854:480": 1500, "640:360": 800, "426:240": 400}
	hls := func(name string) []string {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			b.Fatal(err)
		}
		return strings.Fields("-f hls -hls_time 6 -hls_playlist_type vod -hls_segment_type fmp4 -hls_flags single_file " +
			"-hls_segment_filename " + name + "/stream.mp4 " + name + "/index.m3u8")
	}
	graph, labels := "", ""
	var outputs []string
	for i, size := range sizes {
		labels += fmt.Sprintf("[s%d]", i)
		graph += fmt.Sprintf(";[s%d]scale=%s:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p[v%d]", i, size, i)
		outputs = append(outputs, strings.Fields(fmt.Sprintf("-map [v%d] -c:v libx264 -preset veryfast -profile:v high "+
			"-crf 23 -sc_threshold 0 -bf 0 -g 60 -maxrate %dk -bufsize %dk -force_key_frames expr:gte(t,n_forced*2)",
			i, rates[size], 2*rates[size]))...)
		outputs = append(outputs, hls(fmt.Sprint("v", i))...)
	}
	for _, rate := range []string{"128k", "64k"} {
		outputs = append(append(outputs, "-map", "0:a", "-c:a", "aac", "-b:a", rate), hls(rate)...)
	}
	args := []string{"-i", clip, "-filter_complex", fmt.Sprintf("[0:v]split=%d%s%s", len(sizes), labels, graph)}
	run(b, dir, append(args, outputs...))
}

// childrenCPU is the CPU time of all processes that have ended.
func childrenCPU(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func run(b *testing.B, dir string, args []string) {
	b.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("ffmpeg: %v\n%s", err, out)
	}
}
