package rss

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// coverSide is the smallest side that Apple accepts, in pixels.
const coverSide = 1400

// Cover returns a square PNG that differs between shows: five rows and columns of tiles, symmetric,
// in a colour of its own.
func Cover(showID string) ([]byte, error) {
	const tiles = 5
	seed := sha256.Sum256([]byte(showID))
	front := color.RGBA{R: 60 + seed[0]/2, G: 60 + seed[1]/2, B: 60 + seed[2]/2, A: 255}
	back := color.RGBA{R: 24, G: 24, B: 32, A: 255}
	picture := image.NewPaletted(image.Rect(0, 0, coverSide, coverSide), color.Palette{back, front})
	for y := range coverSide {
		for x := range coverSide {
			column, row := x*tiles/coverSide, y*tiles/coverSide
			if seed[3+row*3+min(column, tiles-1-column)]&1 == 1 {
				picture.Pix[y*picture.Stride+x] = 1
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("draw cover: %w", err)
	}
	return out.Bytes(), nil
}
