package ffmpeg

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

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

// seconds formats a time for ffmpeg.
func seconds(value float64) string { return strconv.FormatFloat(value, 'f', 6, 64) }

// shift returns the filter, with a comma, that begins the grid of frames at 0; "" when it does.
// Without it frames would be rounded to other instants than the sound.
func (i Info) shift(filter string) string {
	if i.phase == 0 {
		return ""
	}
	return fmt.Sprintf("%s=PTS-%.6f/TB,", filter, i.phase)
}

// extra is an output of the pass over the picture beside its renditions. It gets every frame of the
// source at the constant rate of the renditions, in the source's size and colours: frame n is at
// n/FrameRate seconds, the first at 0, the last one held to the end. Filters that drop most frames
// come first, so that nothing is computed for those.
type extra struct {
	filter string   // without labels
	args   []string // encoder, muxer, and a path relative to the output directory
}

// pictureGraph returns the filter graph that feeds pictures and extras from one decoded source: [v0]
// [v1] … and [x0] [x1] …. All begin at 0 and last for the given time: the first and the last picture
// are held.
func pictureGraph(info Info, pictures []rendition, extras []extra, length float64) string {
	chain := "[" + info.picture.specifier() + "]" + info.deinterlace() + info.shift("setpts") +
		"fps=" + exactRate(info.FrameRate) + ":start_time=0,tpad=stop_mode=clone:stop_duration=" + seconds(length) +
		",trim=end=" + seconds(length)
	branches := len(extras)
	if len(pictures) > 0 {
		branches++
	}
	chain += fmt.Sprintf(",split=%d", branches)
	if len(pictures) > 0 {
		chain += "[all]"
	}
	for i := range extras {
		chain += fmt.Sprintf("[e%d]", i)
	}
	chains := []string{chain}
	for i, e := range extras {
		chains = append(chains, fmt.Sprintf("[e%d]%s[x%d]", i, e.filter, i))
	}
	if len(pictures) == 0 {
		return strings.Join(chains, ";")
	}

	chain = "[all]null" + info.toneMap(pictures[0].width, pictures[0].height) + fmt.Sprintf(",split=%d", len(pictures))
	for i := range pictures {
		chain += fmt.Sprintf("[s%d]", i)
	}
	chains = append(chains, chain)
	for i, r := range pictures {
		chain := fmt.Sprintf("[s%d]", i) + info.scale(r.width, r.height, "bt709", "tv") + ",format=yuv420p"
		if width, height := r.codedSize(); width != r.width || height != r.height {
			chain += fmt.Sprintf(",pad=%d:%d:-1:-1", width, height)
		}
		chains = append(chains, chain+r.video.upload+fmt.Sprintf("[v%d]", i))
	}
	return strings.Join(chains, ";")
}

// passArgs are the arguments in front of the outputs of a pass over the source.
func (t *Tool) passArgs(info Info, graph string, before ...string) []string {
	threads := strconv.Itoa(t.Threads)
	args := []string{
		"-v", "error", "-nostdin", "-nostats", "-y", "-progress", "pipe:1", "-filter_complex_threads", threads,
	}
	args = append(args, before...)
	// Of some containers ffmpeg takes the first of the streams in use for the origin, unless there is an
	// offset: then picture and sound, in passes of their own, would have two origins.
	args = append(args, source(info.demuxer, "-itsoffset", "0.000001", "-threads", threads,
		"-t", strconv.Itoa(MaxDurationSeconds))...)
	return append(args, "-filter_complex", graph)
}

// pictureArgs returns the arguments that write pictures and extras.
func (t *Tool) passOverPicture(info Info, pictures []rendition, extras []extra) []string {
	var before []string
	for _, r := range pictures {
		if r.video.device != "" {
			before = []string{"-vaapi_device", r.video.device}
		}
	}
	args := t.passArgs(info, pictureGraph(info, pictures, extras, info.DurationSeconds), before...)
	for i, r := range pictures {
		args = append(args, "-map", fmt.Sprintf("[v%d]", i))
		args = append(args, r.video.arguments(r, t.Threads, info.FrameRate)...)
		args = append(args, r.muxer()...)
	}
	for i, e := range extras {
		args = append(args, "-map", fmt.Sprintf("[x%d]", i), "-fps_mode", "passthrough")
		args = append(args, e.args...)
	}
	return args
}

// muxer returns the arguments that write fragmented MP4 in one file, and its playlist.
func (r rendition) muxer() []string {
	// Phones write the place of recording into the metadata.
	return []string{
		"-map_metadata", "-1", "-map_chapters", "-1", "-max_muxing_queue_size", "4096",
		"-f", "hls", "-hls_time", strconv.Itoa(segmentSeconds), "-hls_playlist_type", "vod",
		"-hls_segment_type", "fmp4", "-hls_flags", "single_file",
		"-hls_segment_filename", r.name + "/" + streamFile, r.name + "/" + r.playlist,
	}
}
