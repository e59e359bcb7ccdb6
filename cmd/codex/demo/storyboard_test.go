package demo

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"strings"
	"testing"
)

// sprite is a JPEG of bright stripes of a width.
func sprite(t *testing.T, width, height, stripe int) string {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			picture.SetGray(x, y, color.Gray{Y: uint8((x/stripe + 2*(y/tileHeight)) * 20)})
		}
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, picture, nil); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

func storyboardPages(t *testing.T) map[string]page {
	t.Helper()
	var track strings.Builder
	track.WriteString("WEBVTT\n")
	for n := range 10 {
		fmt.Fprintf(&track, "\n00:00:%02d.000 --> 00:00:%02d.000\n{{site}}/1.jpg?token=x#xywh=%d,%d,160,90\n",
			2*n, 2*n+2, n%5*160, n/5*90)
	}
	return map[string]page{
		"/storyboard.vtt": {"text/vtt", track.String()},
		"/1.jpg":          {"", "{{site}}/stored.jpg"},
		"/stored.jpg":     {"image/jpeg", sprite(t, 800, 450, tileWidth)},
	}
}

func seekIn(t *testing.T, pages map[string]page) error {
	t.Helper()
	s, site := newSite(t, pages)
	s.stream.StoryboardURL = site + "/storyboard.vtt"
	_, err := s.seek(t.Context())
	return err
}

func TestAStoryboardMustShowTheWholeVideo(t *testing.T) {
	t.Parallel()
	pages := storyboardPages(t)
	if err := seekIn(t, pages); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, old, text string }{
		"another media type":            {"/storyboard.vtt", "text/vtt", "text/plain"},
		"a tile at another time":        {"/storyboard.vtt", "00:00:04.000 --> 00:00:06", "00:00:05.000 --> 00:00:06"},
		"a last tile that ends early":   {"/storyboard.vtt", "--> 00:00:20", "--> 00:00:19"},
		"a tile at another place":       {"/storyboard.vtt", "#xywh=160,0,", "#xywh=0,0,"},
		"a tile of another size":        {"/storyboard.vtt", ",160,90\n", ",160,91\n"},
		"a tile without its place":      {"/storyboard.vtt", "#xywh=", "#xy="},
		"a picture that is not there":   {"/1.jpg", "stored.jpg", "none.jpg"},
		"a picture that is no JPEG":     {"/stored.jpg", "\xff\xd8", "\x00\x00"},
		"a picture of another type":     {"/stored.jpg", "image/jpeg", "image/png"},
		"a picture of another size":     {"/stored.jpg", pages["/stored.jpg"].body, sprite(t, 800, 360, tileWidth)},
		"a picture with the same tiles": {"/stored.jpg", pages["/stored.jpg"].body, sprite(t, 800, 450, 800)},
	} {
		if seekIn(t, spoiled(t, pages, c.path, c.old, c.text)) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
