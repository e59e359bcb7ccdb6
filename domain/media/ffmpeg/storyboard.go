package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
)

// The shape of storyboards. A day has 300 tiles in 12 files.
const (
	storyboardDir   = "storyboard"
	storyboardTiles = 300 // at most
	storyboardSide  = 160 // longest side of a tile
	spriteColumns   = 5
	spriteRows      = 5
)

// Storyboard is a series of small pictures of a video, in the order of time, one every Interval
// seconds. They are in files Dir/1.jpg, Dir/2.jpg …, each a grid that is filled row by row.
type Storyboard struct {
	Dir                   string
	Interval              int // seconds
	TileWidth, TileHeight int // pixels
	Columns, Rows         int // of tiles in a file
	Tiles                 int // of all files
}

// planStoryboard returns the storyboard of a video. The interval is a multiple of the distance of key
// frames, which are its pictures.
func planStoryboard(info Info) Storyboard {
	// What plays for less than a tenth of a second at the end needs no tile.
	seconds := max(info.DurationSeconds-0.1, 0.1)
	step := math.Ceil(seconds / storyboardTiles / keyFrameSeconds)
	s := Storyboard{
		Dir:      storyboardDir,
		Interval: int(step) * keyFrameSeconds,
		Columns:  spriteColumns,
		Rows:     spriteRows,
	}
	s.Tiles = int(math.Ceil(seconds / float64(s.Interval)))
	s.TileWidth, s.TileHeight = fit(info.Width, info.Height, storyboardSide)
	return s
}

func (s Storyboard) files() int { return (s.Tiles + s.Columns*s.Rows - 1) / (s.Columns * s.Rows) }

// storyboard makes it of the key frames of the smallest rendition, which costs next to nothing and
// needs no second decoding of the source.
func (c *conversion) storyboard(ctx context.Context) error {
	smallest := slices.MinFunc(c.ladder, func(a, b rendition) int { return pictureRank(a) - pictureRank(b) })
	input, err := os.Open(filepath.Join(c.out, smallest.name, streamFile))
	if err != nil {
		return fmt.Errorf("storyboard: %w", err)
	}
	defer input.Close()
	if err := c.lendOutputs(); err != nil {
		return err
	}
	board := planStoryboard(c.info)
	args := append([]string{"-v", "error", "-nostdin", "-nostats", "-y"},
		source("mov", "-threads", strconv.Itoa(c.Threads), "-skip_frame", "nokey")...)
	args = append(args, "-map", "0:v:0", "-an", "-vf", fmt.Sprintf(
		`select=gte(t+0.5\,selected_n*%d),scale=%d:%d:in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc,`+
			"format=yuvj420p,setsar=1,tile=%dx%d",
		board.Interval, board.TileWidth, board.TileHeight, board.Columns, board.Rows),
		"-fps_mode", "passthrough", "-frames:v", strconv.Itoa(board.files()), "-c:v", "mjpeg", "-q:v", "5",
		"-map_metadata", "-1", "-f", "image2", storyboardDir+"/%d.jpg")
	if err := c.run(ctx, invocation{
		program:   c.FFmpeg,
		args:      args,
		input:     input,
		dir:       c.out,
		fileBytes: 16 << 20,
	}); err != nil {
		// The input is our own: the file of the user is not at fault.
		return fmt.Errorf("storyboard: %w", notRejected(err))
	}
	c.result.Storyboard = &board
	return nil
}

// pictureRank is the size of a rendition's picture; others than H.264 are last.
func pictureRank(r rendition) int {
	if !r.isPicture() || r.video.codec != codecH264 {
		return math.MaxInt32
	}
	return r.width * r.height
}

// notRejected returns the error of a program that read our own output: no file is at fault.
func notRejected(err error) error {
	var reject *RejectError
	if errors.As(err, &reject) && reject.Code != TooCostly && reject.Code != TimedOut {
		return fmt.Errorf("%s: %s", reject.Code, reject.Detail)
	}
	return err
}

// checkStoryboard makes sure that every file is there. A video whose last key frame is missing has
// fewer: then the last tiles are left out.
func (c *conversion) checkStoryboard() error {
	board := c.result.Storyboard
	if board == nil {
		return nil
	}
	found := 0
	for found < board.files() {
		name := path.Join(board.Dir, strconv.Itoa(found+1)+".jpg")
		if stat, err := os.Lstat(filepath.Join(c.out, filepath.FromSlash(name))); err != nil || stat.Size() == 0 {
			break
		}
		found++
	}
	if found == 0 {
		return errors.New("ffmpeg made no storyboard")
	}
	board.Tiles = min(board.Tiles, found*board.Columns*board.Rows)
	return nil
}
