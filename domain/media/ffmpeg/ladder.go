package ffmpeg

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	segmentSeconds  = 6
	keyFrameSeconds = 2          // divides segmentSeconds, so that every segment starts on a key frame
	preset          = "veryfast" // of x264; the package comment has the measurement
)

// rendition is one rendition of a source. Rates are in kbit/s; size 0 means audio only.
type rendition struct {
	name          string // directory of the rendition
	playlist      string // file name of its playlist
	width, height int
	videoRate     int
	audioRate     int
}

// rungs are the standard sizes, each a box that a landscape picture must fit; a portrait one fits
// the box turned.
var rungs = []struct {
	name                 string
	long, short          int
	videoRate, audioRate int
	below                bool // also made of larger sources
}{
	{"1080p", 1920, 1080, 5000, 128, true},
	{"720p", 1280, 720, 3000, 128, true},
	{"480p", 854, 480, 1500, 96, true},
	{"source", 640, 360, 800, 64, false},
}

// planLadder returns the renditions of a source: one in its own size, up to 1080p, and the standard
// sizes that are clearly smaller. A source is never enlarged, and its aspect is kept.
func planLadder(info Info) []rendition {
	if info.Kind == Audio {
		return []rendition{
			{name: "128k", playlist: "index.m3u8", audioRate: 128},
			{name: "64k", playlist: "index.m3u8", audioRate: 64},
		}
	}
	var ladder []rendition
	for i, rung := range rungs {
		scale := scaleInto(info.Width, info.Height, rung.long, rung.short)
		last := i+1 == len(rungs)
		isOwn := len(ladder) == 0 &&
			(scale < 1 || last || scaleInto(info.Width, info.Height, rungs[i+1].long, rungs[i+1].short) < 0.99)
		if !isOwn && (len(ladder) == 0 || !rung.below || scale > 0.85) {
			continue
		}
		r := rendition{
			name:      rung.name,
			playlist:  "index.m3u8",
			videoRate: rung.videoRate,
			audioRate: rung.audioRate,
		}
		r.width, r.height = evenSize(info.Width, info.Height, scale)
		ladder = append(ladder, r)
	}
	return ladder
}

// scaleInto returns the factor, at most 1, by which a picture fits a box.
func scaleInto(width, height, long, short int) float64 {
	return min(1, float64(long)/float64(max(width, height)), float64(short)/float64(min(width, height)))
}

// planPreview returns the preview: the best rendition, in its own directory.
func planPreview(info Info) rendition {
	r := planLadder(info)[0]
	r.name, r.playlist = "preview", "preview.m3u8"
	return r
}

// evenSize scales a picture. Sides are even, as 4:2:0 requires.
func evenSize(width, height int, scale float64) (int, int) {
	even := func(v int) int { return max(2, int(math.Round(float64(v)*scale/2))*2) }
	return even(width), even(height)
}

// leastSide is the macroblock of H.264: a narrower picture gets black borders.
const leastSide = 16

// exactRate returns a frame rate for ffmpeg: 29.97 is 30000/1001.
func exactRate(rate float64) string {
	if whole := math.Round(rate); math.Abs(rate-whole) < 0.001 {
		return strconv.Itoa(int(whole))
	}
	if whole := math.Round(rate * 1.001); math.Abs(rate-whole/1.001) < 0.002 {
		return fmt.Sprintf("%d/1001", int(whole)*1000)
	}
	return strconv.FormatFloat(rate, 'f', 3, 64)
}

// aacPriming is how many samples ffmpeg's AAC encoder puts in front of the sound. Players ignore the
// edit list that would hide them, so as many samples of the sound are cut: then every sample plays at
// its own time.
const aacPriming = 1024

// graph returns the filter graph that feeds all renditions from one decoded source: [v0] [v1] … and
// [a0] [a1] …. Both begin at 0 and last as long as the longer one: the first and the last picture
// are held, and silence is added.
func graph(info Info, ladder []rendition, gain, seconds float64) string {
	length := strconv.FormatFloat(seconds, 'f', 6, 64)
	var chains []string
	if info.Kind == Video {
		chain := "[" + info.picture.specifier() + "]" + info.deinterlace() + info.shift("setpts") +
			"fps=" + exactRate(info.FrameRate) + ":start_time=0,tpad=stop_mode=clone:stop_duration=" + length +
			",trim=end=" + length + info.toneMap(ladder[0].width, ladder[0].height) +
			fmt.Sprintf(",split=%d", len(ladder))
		for i := range ladder {
			chain += fmt.Sprintf("[s%d]", i)
		}
		chains = append(chains, chain)
		for i, r := range ladder {
			chain := fmt.Sprintf("[s%d]", i) + info.scale(r.width, r.height, "bt709", "tv") + ",format=yuv420p"
			if min(r.width, r.height) < leastSide {
				chain += fmt.Sprintf(",pad=%d:%d:-1:-1", max(r.width, leastSide), max(r.height, leastSide))
			}
			chains = append(chains, chain+fmt.Sprintf("[v%d]", i))
		}
	}
	if info.HasAudio {
		// async fills gaps in recordings, and the silence before a track that starts late.
		chain := "[" + info.sound.specifier() + "]" + info.shift("asetpts") +
			"aresample=48000:async=1:first_pts=0,aformat=channel_layouts=stereo"
		if math.Abs(gain) >= 0.1 {
			chain += fmt.Sprintf(",volume=%.2fdB", gain)
		}
		if info.Kind == Video {
			chain += fmt.Sprintf(",apad=whole_dur=%s,atrim=end=%s,atrim=start_sample=%d", length, length, aacPriming)
		}
		chain += fmt.Sprintf(",asplit=%d", len(ladder))
		for i := range ladder {
			chain += fmt.Sprintf("[a%d]", i)
		}
		chains = append(chains, chain)
	}
	return strings.Join(chains, ";")
}

// shift returns the filter, with a comma, that begins the grid of frames at 0; "" when it does.
// Without it frames would be rounded to other instants than the sound.
func (i Info) shift(filter string) string {
	if i.phase == 0 {
		return ""
	}
	return fmt.Sprintf("%s=PTS-%.6f/TB,", filter, i.phase)
}

// encodeArgs returns the arguments that write the renditions of so many seconds. before are input
// options, such as a seek.
//
// There are no B-frames: their reordering delays the picture by the composition offset, which
// players treat differently, so that the sound would lead.
func (t *Tool) encodeArgs(info Info, ladder []rendition, gain, seconds float64, before ...string) []string {
	threads := strconv.Itoa(t.Threads)
	before = append([]string{"-threads", threads}, before...)
	args := []string{
		"-v", "error", "-nostdin", "-nostats", "-y", "-progress", "pipe:1", "-filter_complex_threads", threads,
	}
	args = append(args, source(info.demuxer, before...)...)
	args = append(args, "-filter_complex", graph(info, ladder, gain, seconds))
	for i, r := range ladder {
		if r.videoRate > 0 {
			args = append(args, "-map", fmt.Sprintf("[v%d]", i),
				"-c:v", "libx264", "-preset", preset, "-profile:v", "high", "-crf", "23", "-threads", threads, "-bf", "0",
				"-maxrate", fmt.Sprintf("%dk", r.videoRate), "-bufsize", fmt.Sprintf("%dk", 2*r.videoRate),
				"-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv",
				"-sc_threshold", "0", "-force_key_frames", fmt.Sprintf("expr:gte(t,n_forced*%d)", keyFrameSeconds))
		}
		if info.HasAudio {
			args = append(args, "-map", fmt.Sprintf("[a%d]", i), "-c:a", "aac", "-b:a", fmt.Sprintf("%dk", r.audioRate))
		}
		// Phones write the place of recording into the metadata.
		args = append(args, "-map_metadata", "-1", "-map_chapters", "-1", "-max_muxing_queue_size", "4096",
			"-f", "hls", "-hls_time", strconv.Itoa(segmentSeconds), "-hls_playlist_type", "vod",
			"-hls_segment_type", "fmp4", "-hls_flags", "single_file",
			"-hls_segment_filename", r.name+"/"+streamFile, r.name+"/"+r.playlist)
	}
	return args
}

// largestOutput is the limit of a rendition's file in bytes: twice its nominal size plus 64 MiB.
func largestOutput(ladder []rendition, seconds float64) int64 {
	kilobits := 0
	for _, r := range ladder {
		kilobits = max(kilobits, r.videoRate+r.audioRate)
	}
	return int64(2*float64(kilobits)*125*seconds) + 64<<20
}
