package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain/media/picture"
)

// MaxPixels is the size of the largest picture that is decoded, 40 megapixels: more than phone
// cameras have, and at most 320 MB decoded.
const MaxPixels = 40_000_000

const (
	maxPictureSide = 16_383 // the largest side of a WebP picture
	pictureTime    = 30 * time.Second
	// pictureMemory is address space: for the decoded picture, the three scaled ones, the program
	// and the stacks of its threads.
	pictureMemory = 3 << 29
	pictureBytes  = 8 << 20 // largest output
)

// pictures maps the types that [Tool.Picture] converts to demuxer and decoder.
var pictures = map[string]struct{ demuxer, decoder string }{
	picture.PNG:  {"png_pipe", "png"},
	picture.JPEG: {"jpeg_pipe", "mjpeg"},
	picture.WebP: {"webp_pipe", "webp"},
	picture.GIF:  {"gif", "gif"},
}

// Picture converts a still picture to WebP in the sizes sm, md and lg: 200, 400 and 800 pixels wide,
// but never wider than the source. It keeps transparency and applies the rotation of the metadata;
// all metadata (place, time, author, device) is removed. Of an animated GIF it converts the first
// frame.
//
// The format follows from the header of the picture. A *RejectError says that the picture is at
// fault.
func (t *Tool) Picture(ctx context.Context, content []byte) (map[string][]byte, error) {
	info, err := picture.Inspect(content)
	if err != nil || info.Animated {
		return nil, reject(Undecodable, "not a still picture")
	}
	if info.Pixels() > MaxPixels || max(info.Width, info.Height) > maxPictureSide {
		return nil, &RejectError{Code: TooLarge, Message: "The picture has more than 40 megapixels."}
	}
	dir, err := os.MkdirTemp("", "codex-picture-")
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	result, err := t.convertPicture(ctx, dir, content, info)
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	return result, nil
}

func (t *Tool) convertPicture(
	ctx context.Context, dir string, content []byte, info picture.Info,
) (map[string][]byte, error) {
	input, err := os.OpenFile(filepath.Join(dir, "input"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer input.Close()
	if _, err := input.Write(content); err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o700); err != nil {
		return nil, err
	}
	if err := t.confinement.lend(out); err != nil {
		return nil, err
	}
	small := *t
	small.Timeout = min(t.Timeout, pictureTime)
	small.MemoryLimit = min(t.MemoryLimit, pictureMemory)
	small.CPUSeconds = min(t.CPUSeconds, 60)
	err = small.run(ctx, invocation{
		program:   t.FFmpeg,
		args:      pictureArgs(info, min(t.Threads, 2)),
		input:     input,
		dir:       out,
		fileBytes: pictureBytes,
	})
	// From here on only we write: take the directory back before trusting what lies in it.
	if err := errors.Join(err, t.confinement.reclaim(out)); err != nil {
		return nil, err
	}
	return readPictures(out)
}

// pictureArgs allows the decoder some pixels more than a picture may have: it rounds sides up.
func pictureArgs(info picture.Info, threads int) []string {
	kind := pictures[info.MIME]
	args := []string{
		"-v", "error", "-nostdin", "-nostats", "-y", "-protocol_whitelist", "file,pipe", "-format_whitelist", kind.demuxer,
		"-codec_whitelist", kind.decoder, "-max_pixels", strconv.Itoa(MaxPixels * 3 / 2), "-threads", strconv.Itoa(threads),
		"-f", kind.demuxer, "-i", inputPath,
	}
	graph := []string{fmt.Sprintf("[0:v:0]split=%d[s0][s1][s2]", len(thumbnails))}
	var outputs []string
	for i, thumbnail := range thumbnails {
		// The sides are worked out by the filter, after a rotation.
		graph = append(graph, fmt.Sprintf(
			`[s%d]scale=w='min(%d,iw)':h='clip(round(ow*ih/iw),1,%d)',setsar=1,format=bgra[t%d]`,
			i, thumbnail.width, maxPictureSide, i))
		outputs = append(outputs, "-map", fmt.Sprintf("[t%d]", i), "-frames:v", "1", "-c:v", "libwebp", "-quality", "82",
			"-map_metadata", "-1", "-f", "image2", "-update", "1", thumbnail.name+".webp")
	}
	return append(append(args, "-filter_complex", strings.Join(graph, ";")), outputs...)
}

func readPictures(dir string) (map[string][]byte, error) {
	root, err := os.OpenRoot(dir) // links cannot leave the directory
	if err != nil {
		return nil, err
	}
	defer root.Close()
	result := map[string][]byte{}
	for _, thumbnail := range thumbnails {
		file, err := root.Open(thumbnail.name + ".webp")
		if errors.Is(err, os.ErrNotExist) {
			return nil, reject(Undecodable, "ffmpeg made no picture")
		} else if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(io.LimitReader(file, pictureBytes))
		_ = file.Close()
		if err != nil {
			return nil, err
		}
		if made, err := picture.Inspect(content); err != nil || made.MIME != picture.WebP {
			return nil, reject(Undecodable, "the output of ffmpeg is not a WebP picture")
		}
		result[thumbnail.name] = content
	}
	return result, nil
}
