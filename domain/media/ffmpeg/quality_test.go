package ffmpeg_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// The floors are for a zoom into the Mandelbrot set, which is harder than most films: its edges are
// finer than pixels. Measured are 0.984 and 37.9 dB in 720p, 0.986 and 40.5 dB at least in the others.
func TestEveryRenditionKeepsItsQuality(t *testing.T) {
	t.Parallel()
	clip := generate(t, "clip.mp4", "-f lavfi -i mandelbrot=s=1280x720:r=25:end_scale=0.05 -t 3 "+
		"-c:v libx264 -preset ultrafast -crf 8 -pix_fmt yuv420p")
	result, out := transcode(t, clip, ffmpeg.MP4)
	floors := map[string][2]float64{ // SSIM, and PSNR of luma in dB
		"720p": {0.977, 36.5},
		"480p": {0.98, 39},
		"360p": {0.98, 39},
		"240p": {0.98, 39},
	}
	for _, variant := range result.ReadyVariants {
		stream := filepath.Join(out, variant, "stream.mp4")
		size := inspect(t, "-select_streams", "v", "-show_entries", "stream=width,height", stream)
		scale := "scale=" + strings.Replace(size, "\n", ":", 1) + ":flags=bicubic"
		said, err := exec.Command("ffmpeg", "-hide_banner", "-i", clip, "-i", stream, "-filter_complex",
			"[0:v]"+scale+",split[a][b];[1:v]split[c][d];[a][c]ssim[s];[b][d]psnr[p]",
			"-map", "[s]", "-f", "null", "-", "-map", "[p]", "-f", "null", "-").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		var ssim, psnr float64
		for _, measure := range []struct {
			pattern string
			value   *float64
		}{{`SSIM .*All:([\d.]+)`, &ssim}, {`PSNR y:([\d.]+)`, &psnr}} {
			m := regexp.MustCompile(measure.pattern).FindSubmatch(said)
			if m == nil {
				t.Fatalf("no %s in\n%s", measure.pattern, said)
			}
			_, _ = fmt.Sscan(string(m[1]), measure.value)
		}
		t.Logf("%s: SSIM %.4f, PSNR %.1f dB", variant, ssim, psnr)
		if floor, known := floors[variant]; !known || ssim < floor[0] || psnr < floor[1] {
			t.Errorf("%s has SSIM %.4f and PSNR %.1f dB, want %v", variant, ssim, psnr, floor)
		}
	}
}
