// Package picture reads the headers of uploaded pictures: their format, by their first bytes, and
// their size in pixels.
//
// It decodes nothing, so a small file that claims a million pixels costs nothing here and can be
// rejected before it is decoded. It ignores the name and the declared type of a file.
package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
)

// The MIME types that are recognised.
const (
	PNG  = "image/png"
	JPEG = "image/jpeg"
	WebP = "image/webp"
	GIF  = "image/gif"
)

// Info describes a picture by its header.
type Info struct {
	// MIME is one of the constants.
	MIME string
	// Width and Height are in pixels, at least 1, before any rotation by the metadata.
	Width, Height int
	// Animated: a WebP picture has several frames. It is not known for a GIF.
	Animated bool
}

// Pixels is how many pixels the decoded picture has.
func (i Info) Pixels() int64 { return int64(i.Width) * int64(i.Height) }

var (
	// ErrUnknown means that the first bytes are of none of the four formats.
	ErrUnknown = errors.New("not a picture of a known format")
	// ErrDamaged means that the header of a known format is invalid.
	ErrDamaged = errors.New("the picture's header is damaged")
)

// Inspect reads the header of a picture. The error is ErrUnknown or ErrDamaged.
func Inspect(data []byte) (Info, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return configured(PNG, data, png.DecodeConfig)
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return configured(JPEG, data, jpeg.DecodeConfig)
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		return configured(GIF, data, gif.DecodeConfig)
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		return inspectWebP(data[12:])
	default:
		return Info{}, ErrUnknown
	}
}

func configured(mime string, data []byte, decode func(io.Reader) (image.Config, error)) (Info, error) {
	config, err := decode(bytes.NewReader(data))
	if err != nil || config.Width <= 0 || config.Height <= 0 {
		return Info{}, ErrDamaged
	}
	return Info{MIME: mime, Width: config.Width, Height: config.Height}, nil
}

// inspectWebP reads the first chunk, which has the size: VP8 (lossy), VP8L (lossless) or VP8X
// (more than one chunk).
func inspectWebP(chunk []byte) (Info, error) {
	if len(chunk) < 18 {
		return Info{}, ErrDamaged
	}
	info, body := Info{MIME: WebP}, chunk[8:]
	switch string(chunk[:4]) {
	case "VP8 ":
		// A key frame: three bytes of tag, whose lowest bit is 0, a start code, 14 bits each.
		if body[0]&1 != 0 || !bytes.Equal(body[3:6], []byte{0x9d, 0x01, 0x2a}) {
			return Info{}, ErrDamaged
		}
		info.Width = int(binary.LittleEndian.Uint16(body[6:]) & 0x3fff)
		info.Height = int(binary.LittleEndian.Uint16(body[8:]) & 0x3fff)
	case "VP8L":
		bits := binary.LittleEndian.Uint32(body[1:])
		if body[0] != 0x2f || bits>>29 != 0 {
			return Info{}, ErrDamaged
		}
		info.Width, info.Height = int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1
	case "VP8X":
		info.Animated = body[0]&0x02 != 0
		info.Width, info.Height = uint24(body[4:])+1, uint24(body[7:])+1
	default:
		return Info{}, ErrDamaged
	}
	if info.Width == 0 || info.Height == 0 {
		return Info{}, ErrDamaged
	}
	return info, nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
