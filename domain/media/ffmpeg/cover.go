package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cover returns the picture that audio carries, such as the cover of an album; found is false without
// one that is decoded here.
func (d description) cover() (cover stream, found bool) {
	n := slices.IndexFunc(d.Streams, func(s stream) bool {
		return s.Type == "video" && s.Disposition.AttachedPicture != 0 &&
			slices.Contains([]string{"mjpeg", "png"}, s.Codec) && s.Width > 0 && s.Height > 0 &&
			s.Width*s.Height <= MaxPixels && max(s.Width, s.Height) <= maxPictureSide
	})
	if n < 0 {
		return stream{}, false
	}
	return d.Streams[n], true
}

// cover makes poster and thumbnails of the picture that audio carries. One that is damaged is left
// out: the sound can be played all the same.
func (c *conversion) cover(ctx context.Context) error {
	if c.info.cover == nil {
		return nil
	}
	if err := c.lendOutputs(); err != nil {
		return err
	}
	err := c.run(ctx, invocation{
		program:   c.FFmpeg,
		args:      c.coverArgs(*c.info.cover),
		input:     c.input,
		dir:       c.out,
		fileBytes: pictureBytes,
	})
	var reject *RejectError
	if errors.As(err, &reject) {
		c.Logger.InfoContext(ctx, "cover left out", "code", reject.Code, "detail", reject.Detail)
		err = nil
	}
	c.hasCover = err == nil
	return err
}

func (c *conversion) coverArgs(cover stream) []string {
	width, height := fit(cover.Width, cover.Height, min(posterSide, max(cover.Width, cover.Height)))
	graph := []string{
		fmt.Sprintf("[%s]split=%d[s0][s1][s2][s3]", cover.specifier(), 1+len(thumbnails)),
		fmt.Sprintf("[s0]scale=%d:%d:out_range=pc,setsar=1,format=yuvj420p[p]", width, height),
	}
	outputs := []string{
		"-map", "[p]", "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3", "-map_metadata", "-1",
		"-f", "image2", "-update", "1", posterFile,
	}
	size := Info{Width: cover.Width, Height: cover.Height}
	for i, thumbnail := range thumbnails {
		width, height := size.thumbnailSize(thumbnail.width)
		graph = append(graph, fmt.Sprintf("[s%d]scale=%d:%d:out_range=tv,setsar=1,format=yuv420p[t%d]",
			i+1, width, height, i))
		outputs = append(outputs, "-map", fmt.Sprintf("[t%d]", i), "-frames:v", "1", "-c:v", "libwebp", "-quality", "80",
			"-map_metadata", "-1", "-f", "image2", "-update", "1", thumbnailFile(thumbnail.name))
	}
	args := []string{"-v", "error", "-nostdin", "-nostats", "-y"}
	args = append(args, source(c.info.demuxer, "-threads", strconv.Itoa(c.Threads))...)
	return append(append(args, "-filter_complex", strings.Join(graph, ";")), outputs...)
}

// checkCover removes what there is of a cover that could not be decoded.
func (c *conversion) checkCover() error {
	if !c.hasCover {
		return nil
	}
	names := []string{posterFile}
	for _, thumbnail := range thumbnails {
		names = append(names, thumbnailFile(thumbnail.name))
	}
	for _, name := range names {
		if stat, err := os.Lstat(filepath.Join(c.out, filepath.FromSlash(name))); err != nil || stat.Size() == 0 {
			c.hasCover = false
		}
	}
	if c.hasCover {
		return nil
	}
	var errs error
	for _, name := range names {
		if err := os.Remove(filepath.Join(c.out, filepath.FromSlash(name))); !errors.Is(err, os.ErrNotExist) {
			errs = errors.Join(errs, err)
		}
	}
	return errs
}
