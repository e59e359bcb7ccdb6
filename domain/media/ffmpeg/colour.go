package ffmpeg

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// deinterlace returns the filter that makes whole pictures of fields, with a comma; "" for a
// progressive source.
func (i Info) deinterlace() string {
	if !i.interlaced {
		return ""
	}
	return "bwdif=mode=send_frame:parity=auto:deint=all,"
}

// isWide reports whether the picture has more colours or brightness than BT.709 can show.
func (i Info) isWide() bool {
	switch i.picture.Transfer {
	case "smpte2084", "arib-std-b67":
		return true
	}
	return i.picture.Primaries == "bt2020" || i.picture.Primaries == "smpte432" || i.picture.Primaries == "smpte431"
}

// toneMap returns the filters, with a comma before them, that bring a picture of this size to the
// brightness and the colours of BT.709; "" when it has them. One unit of linear light is 100 cd/m²,
// the white of BT.709; the curve is linear up to 30 % of it, so that most colours stay as they are.
func (i Info) toneMap(width, height int) string {
	if !i.isWide() {
		return ""
	}
	known := func(value, otherwise string, allowed ...string) string {
		for _, a := range allowed {
			if value == a {
				return value
			}
		}
		return otherwise
	}
	transfer := known(i.picture.Transfer, "bt709", "smpte2084", "arib-std-b67", "bt2020-10", "bt2020-12", "iec61966-2-1")
	primaries := known(i.picture.Primaries, "bt2020", "bt709", "smpte432", "smpte431", "smpte170m", "bt470bg")
	matrix := "matrixin=" + known(i.picture.Matrix, "bt2020nc", "bt709", "smpte170m", "bt470bg") + ":"
	if i.isRGB() {
		matrix = "matrixin=gbr:"
	}
	levels := "limited"
	if i.picture.Range == "pc" || i.isRGB() {
		levels = "full"
	}
	curve := ""
	if transfer == "smpte2084" || transfer == "arib-std-b67" {
		curve = "tonemap=mobius:desat=0,"
	}
	return fmt.Sprintf(",scale=%d:%d:flags=bicubic,"+
		"zscale=%stransferin=%s:primariesin=%s:rangein=%s:transfer=linear:npl=100,"+
		"format=gbrpf32le,zscale=primaries=bt709,%szscale=transfer=bt709:matrix=bt709:range=limited,format=yuv420p",
		width, height, matrix, transfer, primaries, levels, curve)
}

// checkTones rejects HDR when ffmpeg was built without the filters that convert it: shown as it is,
// the picture would be grey and flat.
func (t *Tool) checkTones(info Info) error {
	if info.Kind != Video || t.toneMaps || !info.isWide() {
		return nil
	}
	transfer, primaries := cmp.Or(info.picture.Transfer, "unknown"), cmp.Or(info.picture.Primaries, "unknown")
	return &RejectError{Code: UnsupportedCodec, Message: fmt.Sprintf(
		"The picture (stream %d) is in HDR or a wide gamut (%s, %s), which this installation cannot convert; "+
			"re-export it as SDR in BT.709.", info.picture.Index, transfer, primaries)}
}

func (i Info) isRGB() bool {
	format := i.picture.PixelFormat
	return i.picture.Matrix == "gbr" || strings.HasPrefix(format, "gbr") || strings.Contains(format, "rgb") ||
		strings.Contains(format, "bgr") || format == "pal8"
}

// matrix is how the source has made YUV of RGB. Without a tag, high definition has BT.709 and the
// rest BT.601, as all players assume.
func (i Info) matrix() string {
	switch {
	case i.isWide():
		return "bt709" // tone-mapped
	case i.picture.Matrix == "bt709" || i.picture.Matrix == "fcc" || i.picture.Matrix == "smpte240m":
		return i.picture.Matrix
	case i.picture.Matrix == "bt470bg" || i.picture.Matrix == "smpte170m":
		return "bt601"
	case strings.HasPrefix(i.picture.Matrix, "bt2020"):
		return "bt2020"
	case i.picture.Height >= 720 || i.picture.Width >= 1280:
		return "bt709"
	}
	return "bt601"
}

// scale returns the filter that gives a picture its size, matrix and range, with square pixels.
func (i Info) scale(width, height int, matrix, levels string) string {
	return fmt.Sprintf("scale=%d:%d:flags=bicubic+accurate_rnd+full_chroma_int:"+
		"in_color_matrix=%s:out_color_matrix=%s:out_range=%s,setsar=1",
		width, height, i.matrix(), matrix, levels)
}

const interlaceSeconds = "4" // of the source are examined

var idetCounts = regexp.MustCompile(`Multi frame detection: TFF:\s*(\d+) BFF:\s*(\d+) Progressive:\s*(\d+)`)

// detectInterlacing looks at the pictures, since many files with fields do not say so.
func (t *Tool) detectInterlacing(ctx context.Context, input *os.File, info *Info) error {
	switch info.picture.FieldOrder {
	case "tt", "bb", "tb", "bt":
		info.interlaced = true
		return nil
	}
	messages := &tail{}
	args := append([]string{"-hide_banner", "-v", "info", "-nostdin", "-nostats"},
		source(info.demuxer, "-threads", strconv.Itoa(t.Threads), "-t", interlaceSeconds)...)
	args = append(args, "-filter_complex", "["+info.picture.specifier()+"]idet[v]", "-map", "[v]", "-f", "null", "-")
	if err := t.run(ctx, invocation{
		program: t.FFmpeg,
		args:    args,
		input:   input,
		stderr:  messages,
	}); err != nil {
		return err
	}
	found := idetCounts.FindAllStringSubmatch(messages.String(), -1)
	if found == nil {
		return nil
	}
	count := func(text string) int {
		n, _ := strconv.Atoi(text) // digits only
		return n
	}
	last := found[len(found)-1]
	fields := max(count(last[1]), count(last[2]))
	others := min(count(last[1]), count(last[2])) + count(last[3])
	// Moving patterns look like fields in four pictures of five; fields do in all.
	info.interlaced = fields >= 10 && fields >= 20*others
	return nil
}
