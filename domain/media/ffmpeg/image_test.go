package ffmpeg_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os/exec"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/picture"
)

// painted is red on its left half and half transparent blue on its right.
func painted(width, height int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			if x < width/2 {
				m.SetNRGBA(x, y, color.NRGBA{R: 255, A: 255})
			} else {
				m.SetNRGBA(x, y, color.NRGBA{B: 255, A: 128})
			}
		}
	}
	return m
}

func pngOf(t *testing.T, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withEXIF puts an EXIF block with an orientation and a place behind the first marker of a JPEG.
func withEXIF(t *testing.T, m image.Image, orientation byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	exif := append([]byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x02"),
		0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, // orientation
		0x01, 0x0e, 0, 2, 0, 0, 0, 16, 0, 0, 0, 38, // description, 16 bytes at offset 38
		0, 0, 0, 0)
	exif = append(exif, "at 51.5N 0.1W ok\x00"...)
	segment := append([]byte{0xff, 0xe1, byte((len(exif) + 2) >> 8), byte(len(exif) + 2)}, exif...)
	return append(append(bytes.Clone(out.Bytes()[:2]), segment...), out.Bytes()[2:]...)
}

// decoded returns a picture as ffmpeg, unconfined, reads it.
func decoded(t *testing.T, content []byte) image.Image {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", write(t, "made.webp", content),
		"-f", "image2pipe", "-c:v", "png", "-pix_fmt", "rgba", "-")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sizes(t *testing.T, made map[string][]byte) [3]image.Point {
	t.Helper()
	var list [3]image.Point
	for i, name := range []string{"sm", "md", "lg"} {
		info, err := picture.Inspect(made[name])
		if err != nil || info.MIME != picture.WebP {
			t.Fatalf("%s: %+v, %v", name, info, err)
		}
		list[i] = image.Pt(info.Width, info.Height)
	}
	return list
}

func sameColour(got color.Color, want color.NRGBA) bool {
	c := color.NRGBAModel.Convert(got).(color.NRGBA)
	far := func(a, b uint8) bool { return max(a, b)-min(a, b) > 12 }
	return !far(c.R, want.R) && !far(c.G, want.G) && !far(c.B, want.B) && !far(c.A, want.A)
}

func TestAPictureIsConvertedToThreeWidths(t *testing.T) {
	t.Parallel()
	animation := &gif.GIF{Delay: []int{10, 10}}
	for range 2 {
		frame := image.NewPaletted(image.Rect(0, 0, 500, 250), color.Palette{color.White, color.Black})
		animation.Image = append(animation.Image, frame)
	}
	var moving bytes.Buffer
	if err := gif.EncodeAll(&moving, animation); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		content []byte
		want    [3]image.Point
	}{
		{"a large one", pngOf(t, painted(1600, 900)), [3]image.Point{{200, 113}, {400, 225}, {800, 450}}},
		{"one smaller than the largest", pngOf(t, painted(300, 150)), [3]image.Point{{200, 100}, {300, 150}, {300, 150}}},
		{"one pixel", pngOf(t, painted(1, 1)), [3]image.Point{{1, 1}, {1, 1}, {1, 1}}},
		{"a line", pngOf(t, painted(4000, 1)), [3]image.Point{{200, 1}, {400, 1}, {800, 1}}},
		{"an animation", moving.Bytes(), [3]image.Point{{200, 100}, {400, 200}, {500, 250}}},
		{"a rotated portrait", withEXIF(t, painted(900, 600), 6), [3]image.Point{{200, 300}, {400, 600}, {600, 900}}},
	} {
		made, err := newTool(t, nil).Picture(context.Background(), c.content)
		if err != nil {
			t.Errorf("%s: %v", c.name, explain(err))
			continue
		}
		if got := sizes(t, made); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		again, err := newTool(t, nil).Picture(context.Background(), made["lg"])
		if err != nil || sizes(t, again)[2] != c.want[2] {
			t.Errorf("%s, made again from its WebP: %v", c.name, err)
		}
	}
}

func TestColoursAndTransparencyStay(t *testing.T) {
	t.Parallel()
	made, err := newTool(t, nil).Picture(context.Background(), pngOf(t, painted(600, 300)))
	if err != nil {
		t.Fatal(explain(err))
	}
	m := decoded(t, made["md"])
	left, right := m.At(50, 100), m.At(350, 100)
	if !sameColour(left, color.NRGBA{R: 255, A: 255}) || !sameColour(right, color.NRGBA{B: 255, A: 128}) {
		t.Errorf("left %v, right %v", left, right)
	}
	white := image.NewGray(image.Rect(0, 0, 100, 100))
	for i := range white.Pix {
		white.Pix[i] = 255
	}
	made, err = newTool(t, nil).Picture(context.Background(), withEXIF(t, white, 1))
	if err != nil {
		t.Fatal(explain(err))
	}
	if got := decoded(t, made["lg"]).At(50, 50); !sameColour(got, color.NRGBA{255, 255, 255, 255}) {
		t.Errorf("white became %v", got)
	}
}

func TestMetadataIsRemoved(t *testing.T) {
	t.Parallel()
	source := withEXIF(t, painted(400, 300), 1)
	if !bytes.Contains(source, []byte("51.5N")) {
		t.Fatal("the source says nothing")
	}
	made, err := newTool(t, nil).Picture(context.Background(), source)
	if err != nil {
		t.Fatal(explain(err))
	}
	for name, content := range made {
		for _, mark := range []string{"51.5N", "Exif", "EXIF", "XMP ", "ICCP"} {
			if bytes.Contains(content, []byte(mark)) {
				t.Errorf("%s still says %q", name, mark)
			}
		}
	}
}

// bomb is a PNG that claims a size its few bytes do not have.
func bomb(t *testing.T, width, height uint32) []byte {
	t.Helper()
	content := pngOf(t, painted(1, 1))
	header := bytes.Clone(content[12:29])
	binary.BigEndian.PutUint32(header[4:], width)
	binary.BigEndian.PutUint32(header[8:], height)
	copy(content[12:], header)
	binary.BigEndian.PutUint32(content[29:], crc32.ChecksumIEEE(header))
	return content
}

func TestUnusablePicturesAreRejected(t *testing.T) {
	t.Parallel()
	whole := pngOf(t, painted(64, 64))
	for _, c := range []struct {
		name    string
		content []byte
		want    ffmpeg.Code
	}{
		{"nothing", nil, ffmpeg.Undecodable},
		{"a page", []byte("<html><script>alert(1)</script></html>"), ffmpeg.Undecodable},
		{"half a picture's header", whole[:40], ffmpeg.Undecodable},
		{"too many pixels", bomb(t, 10_000, 10_000), ffmpeg.TooLarge},
		{"a side that is too long", bomb(t, 1_000_000, 1), ffmpeg.TooLarge},
		{"a claim that the bytes do not keep", bomb(t, 5000, 5000), ffmpeg.Undecodable},
	} {
		made, err := newTool(t, nil).Picture(context.Background(), c.content)
		var reject *ffmpeg.RejectError
		if !errors.As(err, &reject) || reject.Code != c.want || made != nil {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestALargePictureFitsIntoItsMemory(t *testing.T) {
	t.Parallel()
	var source bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	large := image.NewNRGBA64(image.Rect(0, 0, 7000, 5700)) // 39.9 megapixels of 8 bytes
	if err := encoder.Encode(&source, large); err != nil {
		t.Fatal(err)
	}
	made, err := newTool(t, nil).Picture(context.Background(), source.Bytes())
	if err != nil {
		t.Fatal(explain(err))
	}
	if got := sizes(t, made)[2]; got != image.Pt(800, 651) {
		t.Errorf("%v", got)
	}
}
