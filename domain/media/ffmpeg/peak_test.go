package ffmpeg_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// Lossy encoding moves peaks. Sources with short loud parts in long quiet ones are raised until their
// peak is at the ceiling, so that what the encoder adds shows.
func TestNoRenditionHasATruePeakAboveOneDecibelBelowFullScale(t *testing.T) {
	t.Parallel()
	const quiet = "\\,0.03*sin(2765*t)):s=48000:d=20"
	bursts := func(loud string) string { return "aevalsrc=if(lt(mod(t\\,2)\\,0.005)\\," + loud + quiet }
	for name, source := range map[string]string{
		"square waves": bursts("0.99*(2*gte(sin(6264*t)\\,0)-1)"),
		"noise":        bursts("1.98*random(0)-0.99"),
		"high tones":   bursts("0.5*sin(62800*t)+0.49*sin(43000*t)"),
		"a low tone":   bursts("0.99*sin(1256*t)"),
		"clicks":       "aevalsrc=if(lt(mod(t\\,0.5)\\,0.0002)\\,0.99" + quiet,
		"steady noise": "anoisesrc=d=10:a=0.99",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, out := transcode(t, generate(t, "a.wav", "-f lavfi -i "+source), ffmpeg.WAV)
			for _, variant := range []string{"128k", "64k"} {
				peak := truePeak(t, filepath.Join(out, variant, "stream.mp4"))
				if peak > -1 {
					t.Errorf("%s: true peak %.1f dBTP", variant, peak)
				}
			}
		})
	}
}

func truePeak(t *testing.T, path string) float64 {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-hide_banner", "-nostats", "-i", path, "-af", "ebur128=peak=true",
		"-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	_, summary, _ := strings.Cut(string(out), "True peak:")
	_, value, _ := strings.Cut(summary, "Peak:")
	peak, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return peak
}
