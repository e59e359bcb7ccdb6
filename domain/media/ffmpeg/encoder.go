package ffmpeg

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The codecs of pictures, as configured.
const (
	codecH264 = "h264"
	codecHEVC = "hevc"
	codecAV1  = "av1"
)

// encoder is an encoder of pictures.
type encoder struct {
	name   string // of ffmpeg
	codec  string
	share  float64 // of H.264's rate that gives the same quality
	args   []string
	device string // of VA-API
	upload string // filters, with a comma, that bring a picture to the device
}

// renderDevice is the graphics device that VA-API uses.
const renderDevice = "/dev/dri/renderD128"

// pictureEncoders are those that can be configured. Their quality is constant below the rendition's
// maximum rate, except for the hardware ones, which approach the rate.
var pictureEncoders = []encoder{
	{
		name:  "libx264",
		codec: codecH264,
		share: 1,
		args:  []string{"-preset", "veryfast", "-profile:v", "high", "-crf", "23", "-sc_threshold", "0"},
	},
	{
		name:  "h264_nvenc",
		codec: codecH264,
		share: 1,
		args: []string{
			"-preset", "p4", "-profile:v", "high", "-rc", "vbr", "-cq", "23", "-forced-idr", "1", "-no-scenecut", "1",
		},
	},
	{
		name:   "h264_vaapi",
		codec:  codecH264,
		share:  1,
		device: renderDevice,
		upload: ",format=nv12,hwupload",
		args:   []string{"-profile:v", "high", "-rc_mode", "VBR"},
	},
	{
		name:  "h264_videotoolbox",
		codec: codecH264,
		share: 1,
		args:  []string{"-profile:v", "high", "-allow_sw", "0"},
	},
	{
		name:  "libx265",
		codec: codecHEVC,
		share: 0.6,
		args: []string{
			"-preset", "fast", "-crf", "27", "-tag:v", "hvc1",
			"-x265-params", "log-level=error:scenecut=0:open-gop=0:bframes=0",
		},
	},
	{
		name:  "hevc_nvenc",
		codec: codecHEVC,
		share: 0.6,
		args: []string{
			"-preset", "p4", "-rc", "vbr", "-cq", "27", "-tag:v", "hvc1", "-forced-idr", "1", "-no-scenecut", "1",
		},
	},
	{
		name:  "libsvtav1",
		codec: codecAV1,
		share: 0.5,
		args:  []string{"-preset", "9", "-crf", "35"},
	},
}

func isHardware(e *encoder) bool { return !strings.HasPrefix(e.name, "lib") }

// arguments returns the options of a rendition. There are no B-frames, see the package comment.
func (e *encoder) arguments(r rendition, threads int, rate float64) []string {
	args := append([]string{"-c:v", e.name}, e.args...)
	if isHardware(e) {
		args = append(args, "-b:v", fmt.Sprintf("%dk", r.videoRate*2/3))
	}
	if e.codec != codecAV1 { // its reordering is inside of a frame's data
		args = append(args, "-bf", "0")
	}
	group := strconv.Itoa(int(math.Ceil(rate * keyFrameSeconds)))
	return append(args, "-threads", strconv.Itoa(threads), "-g", group,
		"-maxrate", fmt.Sprintf("%dk", r.videoRate), "-bufsize", fmt.Sprintf("%dk", 2*r.videoRate),
		"-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv",
		"-force_key_frames", fmt.Sprintf("expr:gte(t,n_forced*%d)", keyFrameSeconds))
}

// chooseEncoders resolves the configured names and tries each encoder that is not always there.
func (t *Tool) chooseEncoders(ctx context.Context, listed string) error {
	for _, name := range append([]string{t.Encoder}, t.ExtraEncoders...) {
		at := slices.IndexFunc(pictureEncoders, func(e encoder) bool { return e.name == name })
		if at < 0 {
			return fmt.Errorf("a configured encoder is not known: choose of %s", strings.Join(EncoderNames(), ", "))
		}
		chosen := pictureEncoders[at]
		if isMain := len(t.encoders) == 0; isMain != (chosen.codec == codecH264) {
			return fmt.Errorf("the encoder %s makes %s: the main one must make h264, and the extra ones another codec",
				name, chosen.codec)
		}
		if slices.ContainsFunc(t.encoders, func(e *encoder) bool { return e.codec == chosen.codec }) {
			return fmt.Errorf("the encoder %s is the second one for %s", name, chosen.codec)
		}
		if !strings.Contains(listed, " "+name+" ") {
			return fmt.Errorf("ffmpeg at %s lacks the encoder %s: install a build that has it", t.FFmpeg, name)
		}
		t.encoders = append(t.encoders, &chosen)
		if name == "libx264" {
			continue
		}
		if err := t.tryEncoder(ctx, &chosen); err != nil {
			return fmt.Errorf("the encoder %s does not work on this machine; configure another one: %w", name, err)
		}
	}
	return nil
}

// tryEncoder encodes a second of grey, confined as for users' files.
func (t *Tool) tryEncoder(ctx context.Context, e *encoder) error {
	args := []string{"-v", "error", "-nostdin"}
	if e.device != "" {
		if _, err := os.Stat(e.device); err != nil {
			return err
		}
		args = append(args, "-vaapi_device", e.device)
	}
	args = append(args, "-f", "lavfi", "-i", "color=gray:s=320x180:r=10:d=1", "-vf", "format=yuv420p"+e.upload)
	args = append(args, e.arguments(rendition{videoRate: 400}, t.Threads, 10)...)
	return t.run(ctx, invocation{program: t.FFmpeg, args: append(args, "-f", "null", "-")})
}

// EncoderNames returns the names of the encoders of pictures that can be configured.
func EncoderNames() []string {
	names := make([]string, len(pictureEncoders))
	for i, e := range pictureEncoders {
		names[i] = e.name
	}
	return names
}
