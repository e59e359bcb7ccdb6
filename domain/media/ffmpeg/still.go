package ffmpeg

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

const (
	posterFile = "poster.jpg"
	posterSide = 1920 // longest side of the poster

	// webpSide is the longest side of a thumbnail, for pictures that are far taller than wide.
	webpSide = 4096
)

// thumbnails by name and width in pixels.
var thumbnails = []struct {
	name  string
	width int
}{{"sm", 200}, {"md", 400}, {"lg", 800}}

func thumbnailFile(name string) string { return "thumbnails/" + name + ".webp" }

// stills writes the poster and the thumbnails from one frame at a time in seconds, or from the first
// frame when the seek finds none (a last frame of minutes, a wrong index).
func (t *Tool) stills(ctx context.Context, input *os.File, out string, info Info, seconds float64) error {
	err := t.still(ctx, input, out, info, seconds)
	if err != nil {
		return err
	}
	if stat, err := os.Lstat(out + "/" + posterFile); err == nil && stat.Size() > 0 {
		return nil
	}
	if err := t.still(ctx, input, out, info, 0); err != nil {
		return err
	}
	if _, err := os.Lstat(out + "/" + posterFile); err != nil {
		return reject(Undecodable, "no frame for the poster")
	}
	return nil
}

func (t *Tool) still(ctx context.Context, input *os.File, out string, info Info, seconds float64) error {
	threads := strconv.Itoa(t.Threads)
	scale := func(w, h int) string { return fmt.Sprintf("scale=%d:%d,setsar=1,format=yuv420p", w, h) }
	graph := []string{fmt.Sprintf("[0:V:0]split=%d[s0][s1][s2][s3]", 1+len(thumbnails))}
	width, height := fit(info.Width, info.Height, min(posterSide, max(info.Width, info.Height)))
	graph = append(graph, "[s0]"+scale(width, height)+"[p]")
	outputs := []string{
		"-map", "[p]", "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3", "-map_metadata", "-1",
		"-f", "image2", "-update", "1", posterFile,
	}
	for i, thumbnail := range thumbnails {
		width, height := thumbnail.width, int(math.Round(float64(thumbnail.width*info.Height)/float64(info.Width)))
		if height > webpSide {
			width, height = fit(info.Width, info.Height, webpSide)
		}
		graph = append(graph, fmt.Sprintf("[s%d]%s[t%d]", i+1, scale(width, max(height, 1)), i))
		outputs = append(outputs, "-map", fmt.Sprintf("[t%d]", i), "-frames:v", "1", "-c:v", "libwebp", "-quality", "80",
			"-map_metadata", "-1", "-f", "image2", "-update", "1", thumbnailFile(thumbnail.name))
	}
	args := []string{"-v", "error", "-nostdin", "-nostats", "-y"}
	args = append(args, source(info.demuxer, "-threads", threads, "-ss", strconv.FormatFloat(seconds, 'f', 3, 64))...)
	args = append(args, "-filter_complex", strings.Join(graph, ";"))
	args = append(args, outputs...)
	return t.run(ctx, invocation{
		program:   t.FFmpeg,
		args:      args,
		input:     input,
		dir:       out,
		fileBytes: 64 << 20,
	})
}

// fit scales a frame to a longer side. No side becomes 0.
func fit(width, height, side int) (int, int) {
	scale := float64(side) / float64(max(width, height))
	return max(1, int(math.Round(float64(width)*scale))), max(1, int(math.Round(float64(height)*scale)))
}
