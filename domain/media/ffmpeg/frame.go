package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Span is a range of bytes of a rendition's file.
type Span struct{ Offset, Length int64 }

// Place is where a rendition has a time.
type Place struct {
	// Header is the initialisation segment, Segment the one with the time.
	Header, Segment Span
	// File is the name of the file that has both.
	File string
	// Seconds is the time from the start of the segment.
	Seconds float64
}

// maxFragment is the most bytes of a header and a segment together.
const maxFragment = 64 << 20

var errNoSegment = errors.New("no segment")

// Locate returns where a rendition has a time in seconds, by its playlist. The last segment has
// every later time.
func Locate(playlist string, seconds float64) (Place, error) {
	list, err := parsePlaylist(playlist)
	if err != nil {
		return Place{}, fmt.Errorf("locate a frame: %w", err)
	}
	start := 0.0
	for i, s := range list.segments {
		if seconds < start+s.seconds || i+1 == len(list.segments) {
			if list.header.length+s.bytes.length > maxFragment || list.header.length < 0 || s.bytes.length <= 0 {
				break
			}
			return Place{
				Header:  Span{list.header.offset, list.header.length},
				Segment: Span{s.bytes.offset, s.bytes.length},
				File:    streamFile,
				Seconds: max(0, min(seconds-start, s.seconds)),
			}, nil
		}
		start += s.seconds
	}
	return Place{}, fmt.Errorf("locate a frame: %w", errNoSegment)
}

// Frame returns the picture at a time of a segment of a rendition, which follows its header, as a JPEG.
// A time behind the last frame stands for that.
func (t *Tool) Frame(ctx context.Context, fragment []byte, seconds float64) ([]byte, error) {
	dir, err := os.MkdirTemp("", "codex-frame-")
	if err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, out := filepath.Join(dir, "input"), filepath.Join(dir, "out")
	if err := errors.Join(os.WriteFile(path, fragment, 0o600), os.Mkdir(out, 0o700)); err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	input, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	defer input.Close()
	if err := t.confinement.lend(out); err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	small := *t
	small.Timeout = min(t.Timeout, pictureTime)
	args := append([]string{"-v", "error", "-nostdin", "-nostats", "-y"},
		source("mov", "-threads", strconv.Itoa(min(t.Threads, 2)))...)
	// Until the time, each frame replaces the one before.
	args = append(args, "-map", "0:v:0", "-an", "-t", strconv.FormatFloat(seconds+0.001, 'f', 3, 64), "-vf",
		"scale=in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc,format=yuvj420p", "-fps_mode", "passthrough",
		"-c:v", "mjpeg", "-q:v", "2", "-map_metadata", "-1", "-f", "image2", "-update", "1", "frame.jpg")
	err = small.run(ctx, invocation{
		program:   t.FFmpeg,
		args:      args,
		input:     input,
		dir:       out,
		fileBytes: pictureBytes,
	})
	if err = errors.Join(err, t.confinement.reclaim(out)); err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	root, err := os.OpenRoot(out)
	if err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	defer root.Close()
	content, err := root.ReadFile("frame.jpg")
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("frame: %w", reject(Undecodable, "ffmpeg made no picture"))
	}
	return content, err
}
