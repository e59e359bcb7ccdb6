package demo

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // the pictures are JPEG
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// What the storyboard of 20 s of 16:9 is: a tile every 2 s, in pictures of 5 by 5 tiles.
const (
	tileEvery  = 2 * time.Second
	tileWidth  = 160
	tileHeight = 90
	spriteSide = 5 // tiles
)

// tile is a part of a picture, for the time of a cue.
type tile struct {
	url  string
	part image.Rectangle
}

var mediaFragment = regexp.MustCompile(`^(.+)#xywh=(\d+),(\d+),(\d+),(\d+)$`)

// parseTile reads the address of a picture with the fragment of a part, in pixels (W3C Media
// Fragments, section 4.2.2).
func parseTile(text string) (tile, error) {
	m := mediaFragment.FindStringSubmatch(text)
	if m == nil {
		return tile{}, differs("a picture with #xywh=x,y,width,height", "%q", text)
	}
	var n [4]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(m[i+2]); err != nil {
			return tile{}, differs("pixels in #xywh", "%q", text)
		}
	}
	return tile{m[1], image.Rect(n[0], n[1], n[0]+n[2], n[1]+n[3])}, nil
}

// seek reads the storyboard as a player does that shows small pictures while its viewer seeks,
// and fetches the first picture.
func (s *show) seek(ctx context.Context) (string, error) {
	if s.stream.StoryboardURL == "" {
		return "", differs("the address of a storyboard in the stream", "none")
	}
	text, err := s.text(ctx, s.stream.StoryboardURL, "text/vtt")
	if err != nil {
		return "", err
	}
	cues, err := parseWebVTT(text)
	if err != nil {
		return "", err
	}
	tiles, err := parseTiles(cues)
	if err != nil {
		return "", err
	}
	spriteBytes, err := s.checkSprite(ctx, tiles)
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("%d tiles of %d × %d, picture of %s", len(tiles), tileWidth, tileHeight, size(spriteBytes))
	s.report.measure("storyboard", said, "one every "+duration(tileEvery))
	return said, nil
}

// parseTiles expects tiles of one size that follow one another for the whole video.
func parseTiles(cues []cue) ([]tile, error) {
	if want := int(filmSeconds * time.Second / tileEvery); len(cues) != want {
		return nil, differs(fmt.Sprintf("%d tiles", want), "%d", len(cues))
	}
	tiles := make([]tile, len(cues))
	for i, c := range cues {
		if want := time.Duration(i) * tileEvery; c.start != want {
			return nil, differs(fmt.Sprintf("tile %d at %s", i+1, want), "%s", c.start)
		}
		t, err := parseTile(c.text)
		if err != nil {
			return nil, err
		}
		corner := image.Pt(i%spriteSide*tileWidth, i/spriteSide*tileHeight)
		if want := image.Rect(0, 0, tileWidth, tileHeight).Add(corner); t.part != want || t.url == "" {
			return nil, differs(fmt.Sprintf("tile %d at %s", i+1, want), "%s", t.part)
		}
		tiles[i] = t
	}
	if end := cues[len(cues)-1].end; end < filmSeconds*time.Second {
		return nil, differs("the last tile to last until the end", "%s", end)
	}
	return tiles, nil
}

// checkSprite expects the picture of the first tile to be a JPEG of the right size, whose tiles
// differ as the video does, and returns how many bytes it has.
func (s *show) checkSprite(ctx context.Context, tiles []tile) (int64, error) {
	a, err := s.follow(ctx, tiles[0].url)
	if err != nil {
		return 0, err
	}
	picture, format, err := image.Decode(bytes.NewReader(a.body))
	if err != nil {
		return 0, fmt.Errorf("the picture of the storyboard: %w", err)
	}
	want := image.Rect(0, 0, spriteSide*tileWidth, spriteSide*tileHeight)
	if kind := a.header.Get("Content-Type"); format != "jpeg" || kind != "image/jpeg" || picture.Bounds() != want {
		return 0, differs(fmt.Sprintf("a JPEG of %s", want.Size()), "%s (%s) of %s", format, kind, picture.Bounds().Size())
	}
	for i := range tiles[1:] {
		if samePixels(picture, tiles[i].part, tiles[i+1].part) {
			return 0, differs("tiles that differ", "tiles %d and %d alike", i+1, i+2)
		}
	}
	return int64(len(a.body)), nil
}

// samePixels says whether two parts of a picture are alike; they have one size.
func samePixels(picture image.Image, a, b image.Rectangle) bool {
	for y := range a.Dy() {
		for x := range a.Dx() {
			if picture.At(a.Min.X+x, a.Min.Y+y) != picture.At(b.Min.X+x, b.Min.Y+y) {
				return false
			}
		}
	}
	return true
}

// follow fetches what an address redirects to.
func (s *show) follow(ctx context.Context, address string) (response, error) {
	a, err := s.player.must(ctx, http.StatusFound, http.MethodGet, address, nil)
	if err != nil {
		return a, err
	}
	return s.player.must(ctx, http.StatusOK, http.MethodGet, a.header.Get("Location"), nil)
}
