package streaming_test

import (
	"fmt"
	"math"
	"net/url"
	"testing"
)

// farthest is how many milliseconds sound and picture may be apart.
const farthest = 15

// The last source is wrong on purpose: it shows that the measurement sees what it must.
func TestSoundAndPictureAreInSyncInABrowser(t *testing.T) {
	t.Parallel()
	page := newPlayerPage(t)
	w := newHarness(t, options{readOnly: true, web: page.URL})
	v := w.signIn()
	sources := []struct {
		rate  string
		shift float64 // of the sound, in milliseconds
	}{{"10", 0}, {"12.5", 0}, {"24000/1001", 0}, {"25", 0}, {"30", 0}, {"50", 0}, {"60", 0}, {"25", 40}}
	query := url.Values{}
	for _, source := range sources {
		f := w.film("")
		w.transcode(f, syncSource(source.rate, source.shift))
		f.grantTo(v)
		query.Add("stream", *v.opened(f, "").StreamingURL)
	}

	got := page.open(t, "/sync?"+query.Encode())
	if got.What != "measured" || len(got.Failures) > 0 || len(got.Delays) != len(sources) {
		t.Fatalf("%+v", got)
	}
	for n, source := range sources {
		t.Logf("%s frames per second, sound shifted by %.0f ms: sound follows picture by %.1f ms",
			source.rate, source.shift, got.Delays[n])
		if math.Abs(got.Delays[n]-source.shift) > farthest {
			t.Errorf("%s frames per second: %.1f ms, want %.0f", source.rate, got.Delays[n], source.shift)
		}
	}
}

// syncSource is a source of 3 s whose picture turns white after 2 s, when a loud tone begins. Its sound is
// PCM, which has neither delay nor edit list.
func syncSource(rate string, shift float64) string {
	begin := 2 + shift/1000
	return fmt.Sprintf("-f lavfi -i color=black:s=160x120:r=%s:d=3,drawbox=color=white:t=fill:enable='gte(t,1.9999)' "+
		"-f lavfi -i aevalsrc=0.02*sin(1900*t)+0.6*sin(6283*(t-%.3f))*gte(t\\,%[2]f):s=48000:d=3 "+
		"-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a pcm_s16le", rate, begin)
}
