package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

const (
	previewName    = "preview"
	previewFile    = "preview.m3u8"
	previewSeconds = 30
	previewStart   = 0.1 // of the duration, from the next key frame on
	previewShort   = 720

	// scratch holds what a conversion needs for itself.
	scratch = "scratch"
	// previewSound and previewPicture are what the preview is put together from.
	previewSound   = scratch + "/preview.nut"
	previewPicture = scratch + "/preview.mp4"
)

// interval is a part of the source, in seconds.
type interval struct{ start, length float64 }

func (i interval) end() float64 { return i.start + i.length }

// previewInterval begins at a key frame of the renditions.
func (i Info) previewInterval() interval {
	start := math.Ceil(previewStart*i.DurationSeconds/keyFrameSeconds) * keyFrameSeconds
	start = math.Ceil(start*i.FrameRate-0.001) / i.FrameRate // the frame that was forced to be one
	if start > min(i.pictureEnd, i.DurationSeconds)-1 {
		start = 0 // the picture ends before
	}
	return interval{start, min(previewSeconds, i.DurationSeconds-start)}
}

func (c *conversion) previewRendition() rendition {
	r := previewOf(c.ladder)
	r.name, r.playlist = previewName, previewFile
	return r
}

// preview copies a part of the rendition of 720p, with the sound that was encoded for it: a range of
// the rendition's own file would open the rest of it.
func (c *conversion) preview(ctx context.Context) error {
	c.report(Previewing, 90, 90, 0)
	part := c.info.previewInterval()
	from, err := c.cutSegments(previewOf(c.ladder), part)
	if err != nil {
		return err
	}
	if err := c.lendOutputs(); err != nil {
		return err
	}
	picture, err := os.Open(filepath.Join(c.out, previewPicture))
	if err != nil {
		return err
	}
	defer picture.Close()

	args := []string{"-v", "error", "-nostdin", "-nostats", "-y"}
	// A seek to just behind a key frame finds that one.
	args = append(args, source("mov", "-ss", seconds(part.start-from+0.0005))...)
	maps := []string{"-map", "0:v"}
	if c.info.HasAudio {
		args = append(args, "-protocol_whitelist", "file,pipe", "-format_whitelist", "nut", "-f", "nut", "-i", previewSound)
		maps = append(maps, "-map", "1:a")
	}
	args = append(args, maps...)
	args = append(args, "-c", "copy", "-t", seconds(part.length))
	r := c.previewRendition()
	args = append(args, r.muxer()...)
	err = c.run(ctx, invocation{
		program:   c.FFmpeg,
		args:      args,
		input:     picture,
		dir:       c.out,
		fileBytes: largestOutput([]rendition{r}, previewSeconds),
	})
	return errors.Join(err, c.reclaimOutputs())
}

// cutSegments copies the segments of a rendition that show a part, and returns when they begin.
func (c *conversion) cutSegments(r rendition, part interval) (from float64, err error) {
	list, err := readRendition(c.out, r)
	if err != nil {
		return 0, err
	}
	var bytes span
	at := 0.0
	for _, s := range list.segments {
		begin := at
		at += s.seconds
		if at <= part.start || begin >= part.end() {
			continue
		}
		if bytes.length == 0 {
			from, bytes.offset = begin, s.bytes.offset
		}
		bytes.length = s.bytes.offset + s.bytes.length - bytes.offset
	}

	stream, err := os.Open(filepath.Join(c.out, r.name, streamFile))
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	cut, err := os.Create(filepath.Join(c.out, previewPicture))
	if err != nil {
		return 0, err
	}
	for _, s := range []span{list.header, bytes} {
		_, copyErr := io.Copy(cut, io.NewSectionReader(stream, s.offset, s.length))
		err = errors.Join(err, copyErr)
	}
	return from, errors.Join(err, cut.Close())
}

const (
	// trickName is the rendition of I-frames, for seeking with pictures.
	trickName  = "iframes"
	trickShort = 240
	// trickFrames is the most that a playlist names: a day has one in twelve seconds.
	trickFrames = 7200
)

// trickSeconds is the time between two I-frames.
func (i Info) trickSeconds() float64 {
	return max(keyFrameSeconds, math.Ceil(i.DurationSeconds/trickFrames))
}

func trickRendition(info Info) rendition {
	r := rendition{name: trickName, playlist: indexFile, videoRate: 800}
	r.width, r.height = evenSize(info.Width, info.Height, scaleInto(info.Width, info.Height, 426, trickShort))
	return r
}

// trickPlay is the extra output of I-frames.
func (i Info) trickPlay(threads int) extra {
	r := trickRendition(i)
	width, height := r.codedSize()
	filter := fmt.Sprintf("select=not(mod(n\\,%d))%s,%s,format=yuv420p,pad=%d:%d:-1:-1",
		i.frameAt(i.trickSeconds()), i.toneMap(r.width, r.height), i.scale(r.width, r.height, "bt709", "tv"), width, height)
	args := []string{
		"-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-crf", "28", "-g", "1", "-bf", "0",
		"-threads", strconv.Itoa(threads),
		"-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv",
	}
	return extra{filter, append(append(args, r.muxer()...), "-hls_time", "1")}
}

// finishTrickPlay completes the playlist of I-frames.
func (c *conversion) finishTrickPlay() error {
	r := trickRendition(c.info)
	list, err := readRendition(c.out, r)
	if err != nil {
		return err
	}
	list.iFrames = true
	list.stretch(c.info.DurationSeconds)
	return list.write(c.out, r)
}

// frameAt returns the number of the first frame at or after a time, at least 1.
func (i Info) frameAt(at float64) int { return max(1, int(math.Ceil(at*i.FrameRate-0.001))) }
