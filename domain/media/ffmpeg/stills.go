package ffmpeg

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	posterFile = "poster.jpg"
	posterSide = 1920 // longest side of the poster

	// webpSide is the longest side of a thumbnail, for pictures that are far taller than wide.
	webpSide = 4096

	stillFrames = scratch + "/stills.yuv" // the candidates, as raw pictures
	stillChosen = scratch + "/still.yuv"
)

// thumbnails by name and width in pixels.
var thumbnails = []struct {
	name  string
	width int
}{{"sm", 200}, {"md", 400}, {"lg", 800}}

func thumbnailFile(name string) string { return "thumbnails/" + name + ".webp" }

// stills is the extra output of the pictures from which the poster is chosen: the beginning of the
// preview first, then some of the whole length.
func (i Info) stills() extra {
	width, height := i.posterSize()
	var conditions []string
	for _, n := range i.stillNumbers() {
		conditions = append(conditions, fmt.Sprintf("eq(n\\,%d)", n))
	}
	filter := "select=" + strings.Join(conditions, "+") + i.toneMap(width, height) + "," +
		i.scale(width, height, "bt709", "tv") + ",format=yuv420p"
	return extra{filter, []string{"-f", "rawvideo", stillFrames}}
}

// stillNumbers are the numbers of the candidates' frames, in their order in the film.
func (i Info) stillNumbers() []int {
	last := max(0, int(math.Round(i.DurationSeconds*i.FrameRate))-1)
	var numbers []int
	for _, at := range i.stillTimes() {
		numbers = append(numbers, min(last, int(at*i.FrameRate)))
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// stillTimes are the candidates' times in the order of preference.
func (i Info) stillTimes() []float64 {
	times := []float64{i.previewInterval().start}
	for _, share := range []float64{0.25, 0.4, 0.55, 0.7, 0.9} {
		times = append(times, share*i.pictureEnd)
	}
	return times
}

func (i Info) posterSize() (width, height int) {
	return fit(i.Width, i.Height, min(posterSide, max(i.Width, i.Height)))
}

// pictures makes the poster and the thumbnails from the best candidate.
func (c *conversion) pictures(ctx context.Context) error {
	c.report(Thumbnails, 93, 93, 0)
	if err := c.chooseStill(); err != nil {
		return err
	}
	if err := c.lendOutputs(); err != nil {
		return err
	}
	chosen, err := os.Open(filepath.Join(c.out, stillChosen))
	if err != nil {
		return err
	}
	defer chosen.Close()

	width, height := c.info.posterSize()
	graph := []string{fmt.Sprintf("[0:v]split=%d[s0][s1][s2][s3]", 1+len(thumbnails))}
	// JPEG is full range by definition, WebP limited; both are BT.601.
	convert := func(width, height int, levels string) string {
		return fmt.Sprintf("scale=%d:%d:flags=bicubic+accurate_rnd+full_chroma_int:in_color_matrix=bt709:in_range=tv:"+
			"out_color_matrix=bt601:out_range=%s,setsar=1", width, height, levels)
	}
	graph = append(graph, "[s0]"+convert(width, height, "pc")+",format=yuvj420p[p]")
	outputs := []string{
		"-map", "[p]", "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3", "-f", "image2", "-update", "1", posterFile,
	}
	for i, thumbnail := range thumbnails {
		width, height := c.info.thumbnailSize(thumbnail.width)
		graph = append(graph, fmt.Sprintf("[s%d]%s,format=yuv420p[t%d]", i+1, convert(width, height, "tv"), i))
		outputs = append(outputs, "-map", fmt.Sprintf("[t%d]", i), "-frames:v", "1", "-c:v", "libwebp", "-quality", "80",
			"-f", "image2", "-update", "1", thumbnailFile(thumbnail.name))
	}
	args := []string{
		"-v", "error", "-nostdin", "-nostats", "-y", "-protocol_whitelist", "file,pipe", "-format_whitelist", "rawvideo",
		"-threads", strconv.Itoa(c.Threads), "-f", "rawvideo", "-pixel_format", "yuv420p",
		"-video_size", fmt.Sprintf("%dx%d", width, height), "-i", inputPath,
		"-filter_complex", strings.Join(graph, ";"),
	}
	return c.run(ctx, invocation{
		program:   c.FFmpeg,
		args:      append(args, outputs...),
		input:     chosen,
		dir:       c.out,
		fileBytes: 64 << 20,
	})
}

func (i Info) thumbnailSize(wide int) (width, height int) {
	width, height = wide, int(math.Round(float64(wide*i.Height)/float64(i.Width)))
	if height > webpSide {
		width, height = fit(i.Width, i.Height, webpSide)
	}
	return width, max(height, 1)
}

// chooseStill writes the best candidate to a file of its own: the first in the order of preference
// that is neither nearly black or white nor of one colour, or else the one with the most contrast.
func (c *conversion) chooseStill() error {
	width, height := c.info.posterSize()
	luma := width * height
	frame := luma + 2*((width+1)/2)*((height+1)/2)
	file, err := os.Open(filepath.Join(c.out, stillFrames))
	if err != nil {
		return err
	}
	defer file.Close()

	numbers := c.info.stillNumbers()
	read := func(n int) ([]byte, error) {
		pixels := make([]byte, frame)
		_, err := io.ReadFull(io.NewSectionReader(file, int64(slices.Index(numbers, n)*frame), int64(frame)), pixels)
		return pixels, err
	}
	var best []byte
	contrast := -1.0
	for _, at := range c.info.stillTimes() {
		n := min(numbers[len(numbers)-1], int(at*c.info.FrameRate))
		pixels, err := read(n)
		if err != nil {
			continue // the picture ends before
		}
		mean, deviation := brightness(pixels[:luma])
		if isGood := mean > 24 && mean < 235 && deviation > 12; isGood || deviation > contrast {
			best, contrast = pixels, deviation
			if isGood {
				break
			}
		}
	}
	if best == nil {
		return reject(Undecodable, "no frame for the poster")
	}
	return os.WriteFile(filepath.Join(c.out, stillChosen), best, 0o600)
}

// brightness returns the mean and the standard deviation of limited-range luma, as grey of 0 to 255.
// It looks at about ten thousand samples.
func brightness(luma []byte) (mean, deviation float64) {
	step := max(1, len(luma)/10_007) // a prime, so that columns differ
	sum, squares, count := 0.0, 0.0, 0.0
	for i := 0; i < len(luma); i += step {
		v := (float64(luma[i]) - 16) * 255 / 219
		sum += v
		squares += v * v
		count++
	}
	if count == 0 {
		return 0, 0
	}
	mean = sum / count
	return mean, math.Sqrt(max(0, squares/count-mean*mean))
}

// fit scales a frame to a longer side. No side becomes 0.
func fit(width, height, side int) (int, int) {
	scale := float64(side) / float64(max(width, height))
	return max(1, int(math.Round(float64(width)*scale))), max(1, int(math.Round(float64(height)*scale)))
}
