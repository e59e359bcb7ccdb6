package picture_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/codex-platform/codex/domain/media/picture"
)

func encoded(t testing.TB, encode func(*bytes.Buffer, image.Image) error) []byte {
	t.Helper()
	var out bytes.Buffer
	err := encode(&out, image.NewPaletted(image.Rect(0, 0, 30, 20), color.Palette{color.Black, color.White}))
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func pngOf(t testing.TB) []byte {
	t.Helper()
	return encoded(t, func(w *bytes.Buffer, i image.Image) error { return png.Encode(w, i) })
}

// webp returns the beginning of a WebP file with one chunk.
func webp(kind string, body ...byte) []byte {
	chunk := append([]byte(kind+"\x0a\x00\x00\x00"), body...)
	return append([]byte("RIFF\x16\x00\x00\x00WEBP"), chunk...)
}

var (
	lossy    = webp("VP8 ", 0x10, 0, 0, 0x9d, 0x01, 0x2a, 30, 0, 20, 0x40)
	lossless = webp("VP8L", 0x2f, 29, 0xc0, 0x04, 0, 0, 0, 0, 0, 0)
	extended = webp("VP8X", 0x10, 0, 0, 0, 29, 0, 0, 19, 0, 0)
	moving   = webp("VP8X", 0x02, 0, 0, 0, 29, 0, 0, 19, 0, 0)
)

func TestInspectReturnsFormatAndSize(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data     []byte
		mime     string
		animated bool
	}{
		"png": {pngOf(t), picture.PNG, false},
		"jpeg": {encoded(t, func(w *bytes.Buffer, i image.Image) error {
			return jpeg.Encode(w, i, nil)
		}), picture.JPEG, false},
		"gif": {encoded(t, func(w *bytes.Buffer, i image.Image) error {
			return gif.Encode(w, i, nil)
		}), picture.GIF, false},
		"lossy webp":      {lossy, picture.WebP, false},
		"lossless webp":   {lossless, picture.WebP, false},
		"webp with alpha": {extended, picture.WebP, false},
		"animated webp":   {moving, picture.WebP, true},
	} {
		info, err := picture.Inspect(c.data)
		if err != nil || info != (picture.Info{
			MIME:     c.mime,
			Width:    30,
			Height:   20,
			Animated: c.animated,
		}) {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
		if info.Pixels() != 600 {
			t.Errorf("%s has %d pixels", name, info.Pixels())
		}
	}
}

func TestUnknownFormatsAndDamagedHeadersAreDistinct(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":                     {nil, picture.ErrUnknown},
		"html":                        {[]byte("<html><body>hello</body></html>"), picture.ErrUnknown},
		"svg":                         {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), picture.ErrUnknown},
		"a wave file":                 {[]byte("RIFF\x00\x00\x00\x00WAVEfmt "), picture.ErrUnknown},
		"png without a header chunk":  {[]byte("\x89PNG\r\n\x1a\n"), picture.ErrDamaged},
		"jpeg that ends":              {[]byte("\xff\xd8\xff\xe0"), picture.ErrDamaged},
		"gif that ends":               {[]byte("GIF89a"), picture.ErrDamaged},
		"webp that ends":              {lossy[:20], picture.ErrDamaged},
		"webp without a key frame":    {webp("VP8 ", 0x11, 0, 0, 0x9d, 0x01, 0x2a, 30, 0, 20, 0), picture.ErrDamaged},
		"webp without a width":        {webp("VP8 ", 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0, 0, 20, 0), picture.ErrDamaged},
		"webp of another version":     {webp("VP8L", 0x2f, 29, 0xc0, 0x04, 0xe0, 0, 0, 0, 0, 0), picture.ErrDamaged},
		"webp with an unknown chunk":  {webp("ICCP", make([]byte, 10)...), picture.ErrDamaged},
		"png with a damaged checksum": {append(pngOf(t)[:29], 0, 0, 0, 0), picture.ErrDamaged},
	} {
		if info, err := picture.Inspect(c.data); !errors.Is(err, c.want) || info != (picture.Info{}) {
			t.Errorf("%s: %+v, %v, want %v", name, info, err, c.want)
		}
	}
}

// FuzzInspect: whatever the bytes are, the answer is one of the four types with a
// size, or an error with nothing else; and more bytes behind a header change nothing.
func FuzzInspect(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := picture.Inspect(data)
		if err != nil {
			if info != (picture.Info{}) || (!errors.Is(err, picture.ErrUnknown) && !errors.Is(err, picture.ErrDamaged)) {
				t.Fatalf("%+v, %v", info, err)
			}
			return
		}
		if info.Width < 1 || info.Height < 1 || info.Pixels() < 1 {
			t.Fatalf("a picture of %d by %d", info.Width, info.Height)
		}
		switch info.MIME {
		case picture.PNG, picture.JPEG, picture.WebP, picture.GIF:
		default:
			t.Fatalf("type %q", info.MIME)
		}
		if longer, err := picture.Inspect(append(bytes.Clone(data), "<script>"...)); err != nil || longer != info {
			t.Fatalf("with more bytes: %+v, %v", longer, err)
		}
	})
}
