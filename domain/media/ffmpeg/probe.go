package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// Kind is the kind of media.
type Kind string

// The kinds.
const (
	Video Kind = "video"
	Audio Kind = "audio"
)

// Limits of a source, checked before the conversion.
const (
	MaxDurationSeconds = 86_400
	MaxSide            = 8192
	MaxPixelsOfVideo   = 7680 * 4320
	// codedPixels is what decoders may allocate: they round sides up.
	codedPixels = (7680 + 128) * (4320 + 128)
	MaxStreams  = 64
)

// Info describes a media file.
type Info struct {
	Kind            Kind
	DurationSeconds float64 // over 0, at most MaxDurationSeconds
	Width, Height   int     // pixels as displayed: rotation and pixel shape applied; 0 for audio
	HasAudio        bool
	VideoCodec      string // ffmpeg's name, e.g. "h264"; empty for audio
	AudioCodec      string // e.g. "aac"; empty without sound
	// FrameRate is that of the renditions: the rate of the source, made constant, 10 to 60; 0 for audio.
	FrameRate float64
	Streams   int // all streams of the container, cover art and subtitles included

	demuxer string
	picture stream  // the picture that is converted; of a video only
	sound   stream  // the main sound track; with HasAudio only
	cover   *stream // the picture that audio carries; nil without one
	// alternatives are the other sound tracks that are converted.
	alternatives []stream
	origin       float64 // the time of the first packet in seconds, which becomes 0
	// header is the duration that the container declares; 0 for none. counted says that an MP3 has
	// counted its frames.
	header  float64
	counted bool
	// pictureEnd and soundEnd are the measured ends of the two in seconds from the origin.
	pictureEnd, soundEnd float64
	// phase is how much later than the origin the grid of frames begins, less than one frame.
	phase      float64
	interlaced bool
}

// source returns the options with which ffprobe and ffmpeg open the input. The list of formats also
// binds the demuxers that a demuxer opens (AVI opens subtitles in any format, HLS among them).
func source(demuxer string, before ...string) []string {
	args := []string{
		"-protocol_whitelist", "file,pipe", "-format_whitelist", demuxer, "-codec_whitelist", decoders,
		"-max_pixels", strconv.Itoa(codedPixels), "-max_streams", strconv.Itoa(MaxStreams + 1), // one over, to be counted
	}
	args = append(args, before...)
	return append(args, "-f", demuxer, "-i", inputPath)
}

// Probe opens the file at path as a MIME type, checks the limits and decodes its first second. It
// returns a *RejectError when the file is at fault, and another error when the probe failed.
func (t *Tool) Probe(ctx context.Context, path, mime string) (Info, error) {
	input, err := os.Open(path)
	if err != nil {
		return Info{}, fmt.Errorf("probe: %w", err)
	}
	defer input.Close()
	info, err := t.describeInput(ctx, input, mime)
	if err == nil {
		err = t.decodeStart(ctx, input, info)
	}
	if err != nil {
		return Info{}, fmt.Errorf("probe: %w", err)
	}
	return info, nil
}

// describeInput reads the headers and checks the limits.
func (t *Tool) describeInput(ctx context.Context, input *os.File, mime string) (Info, error) {
	demuxer, ok := demuxers[mime]
	if !ok {
		return Info{}, reject(Unsupported, "")
	}
	if stat, err := input.Stat(); err != nil {
		return Info{}, err
	} else if !stat.Mode().IsRegular() {
		return Info{}, errors.New("the input is not a regular file")
	}
	head := make([]byte, SniffLength)
	n, err := input.ReadAt(head, 0)
	if err != nil && n == 0 {
		return Info{}, reject(Undecodable, "the file is empty")
	}
	if sniffed, ok := Sniff(head[:n]); !ok || !Agrees(mime, sniffed) {
		return Info{}, reject(Undecodable, "the first bytes are not of the declared type")
	}
	found, err := t.describe(ctx, input, demuxer)
	if err != nil {
		return Info{}, err
	}
	info, err := found.check(mime)
	if err != nil {
		return Info{}, err
	}
	info.demuxer = demuxer
	// A container counts subtitles too: what exceeds the limit may be a cue behind the end of the film.
	if info.DurationSeconds == 0 || info.DurationSeconds > MaxDurationSeconds {
		if info.DurationSeconds, err = t.measureDuration(ctx, input, info); err != nil {
			return Info{}, err
		}
	}
	if info.DurationSeconds > MaxDurationSeconds {
		return Info{}, reject(TooLong, "")
	}
	return info, nil
}

// measureDuration reads the packets of picture and sound of a file whose header does not say how long
// they are, such as WebM that a browser has recorded.
func (t *Tool) measureDuration(ctx context.Context, input *os.File, info Info) (float64, error) {
	out := &progress{}
	args := append([]string{"-v", "error", "-nostdin", "-nostats", "-progress", "pipe:1"}, source(info.demuxer)...)
	args = append(args, mapMain(info)...)
	args = append(args, "-c", "copy", "-f", "null", "-")
	if err := t.run(ctx, invocation{
		program: t.FFmpeg,
		args:    args,
		input:   input,
		stdout:  out,
	}); err != nil {
		return 0, err
	}
	if out.seconds <= 0 {
		return 0, reject(Undecodable, "no packets")
	}
	return out.seconds, nil
}

// mapMain selects picture and main sound.
func mapMain(info Info) []string {
	var args []string
	if info.Kind == Video {
		args = append(args, "-map", info.picture.specifier())
	}
	if info.HasAudio {
		args = append(args, "-map", info.sound.specifier())
	}
	return args
}

// decodeStart decodes the first second, since valid headers do not prove a valid file.
func (t *Tool) decodeStart(ctx context.Context, input *os.File, info Info) error {
	out := &progress{}
	stderr := &tail{}
	args := append([]string{"-v", "error", "-nostdin", "-nostats", "-progress", "pipe:1"},
		source(info.demuxer, "-threads", strconv.Itoa(t.Threads), "-t", "1")...)
	args = append(args, mapMain(info)...)
	args = append(args, "-fps_mode", "passthrough", "-f", "null", "-")
	if err := t.run(ctx, invocation{
		program: t.FFmpeg,
		args:    args,
		input:   input,
		stdout:  out,
		stderr:  stderr,
	}); err != nil {
		return err
	}
	if (info.Kind == Video && out.frames == 0) || (info.Kind == Audio && out.seconds <= 0) {
		return reject(Undecodable, stderr.String())
	}
	return nil
}
