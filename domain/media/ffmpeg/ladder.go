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

// planLadder returns the renditions of a source. The shorter side of a video counts; it is never
// enlarged.
func planLadder(info Info) []rendition {
	if info.Kind == Audio {
		return []rendition{
			{name: "128k", playlist: "index.m3u8", audioRate: 128},
			{name: "64k", playlist: "index.m3u8", audioRate: 64},
		}
	}
	var ladder []rendition
	for _, rung := range []struct{ side, video, audio int }{{720, 3000, 128}, {480, 1500, 96}} {
		if min(info.Width, info.Height) >= rung.side {
			r := rendition{
				name:      fmt.Sprintf("%dp", rung.side),
				playlist:  "index.m3u8",
				videoRate: rung.video,
				audioRate: rung.audio,
			}
			r.width, r.height = shrink(info.Width, info.Height, rung.side)
			ladder = append(ladder, r)
		}
	}
	if ladder == nil {
		r := rendition{
			name:      "source",
			playlist:  "index.m3u8",
			videoRate: 800,
			audioRate: 64,
		}
		r.width, r.height = shrink(info.Width, info.Height, min(info.Width, info.Height))
		ladder = append(ladder, r)
	}
	return ladder
}

// planPreview returns the preview: the best rendition, in its own directory.
func planPreview(info Info) rendition {
	r := planLadder(info)[0]
	r.name, r.playlist = "preview", "preview.m3u8"
	return r
}

// shrink scales a frame to a shorter side. Sides are even, as 4:2:0 requires, and at least the 16
// pixels of a macroblock.
func shrink(width, height, side int) (int, int) {
	scale := float64(side) / float64(min(width, height))
	even := func(v int) int { return max(16, int(math.Round(float64(v)*scale/2))*2) }
	return even(width), even(height)
}

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

// graph returns the filter graph that feeds all renditions from one decoded source: [v0] [v1] … and
// [a0] [a1] ….
func graph(info Info, ladder []rendition, gain float64) string {
	var chains []string
	if info.Kind == Video {
		chain := "[0:V:0]fps=" + exactRate(info.FrameRate) + fmt.Sprintf(",split=%d", len(ladder))
		for i := range ladder {
			chain += fmt.Sprintf("[s%d]", i)
		}
		chains = append(chains, chain)
		for i, r := range ladder {
			chains = append(chains, fmt.Sprintf("[s%d]scale=%d:%d:flags=bicubic,setsar=1,format=yuv420p[v%d]",
				i, r.width, r.height, i))
		}
	}
	if info.HasAudio {
		// async fills gaps in recordings, and the silence before a track that starts late.
		chain := "[0:a:0]aresample=48000:async=1:first_pts=0,aformat=channel_layouts=stereo"
		if math.Abs(gain) >= 0.1 {
			chain += fmt.Sprintf(",volume=%.2fdB", gain)
		}
		chain += fmt.Sprintf(",asplit=%d", len(ladder))
		for i := range ladder {
			chain += fmt.Sprintf("[a%d]", i)
		}
		chains = append(chains, chain)
	}
	return strings.Join(chains, ";")
}

// encodeArgs returns the arguments that write the renditions. before are input options, such as a
// seek.
func (t *Tool) encodeArgs(info Info, ladder []rendition, gain float64, before ...string) []string {
	threads := strconv.Itoa(t.Threads)
	before = append([]string{"-threads", threads}, before...)
	args := []string{
		"-v", "error", "-nostdin", "-nostats", "-y", "-progress", "pipe:1", "-filter_complex_threads", threads,
	}
	args = append(args, source(info.demuxer, before...)...)
	args = append(args, "-filter_complex", graph(info, ladder, gain))
	for i, r := range ladder {
		if r.videoRate > 0 {
			args = append(args, "-map", fmt.Sprintf("[v%d]", i),
				"-c:v", "libx264", "-preset", preset, "-profile:v", "high", "-crf", "23", "-threads", threads,
				"-maxrate", fmt.Sprintf("%dk", r.videoRate), "-bufsize", fmt.Sprintf("%dk", 2*r.videoRate),
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
