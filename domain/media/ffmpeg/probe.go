package ffmpeg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
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
	MaxWidth           = 7680
	MaxHeight          = 4320
	MaxStreams         = 8
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
}

// demuxers maps each allowed MIME type to the one demuxer that may read it.
var demuxers = map[string]string{
	MP4:       "mov",
	QuickTime: "mov",
	M4A:       "mov",
	WebM:      "matroska",
	WebA:      "matroska",
	AVI:       "avi",
	MP3:       "mp3",
	WAV:       "wav",
	Ogg:       "ogg",
}

// decoders are those that may read uploads: for what cameras, recorders and editors write into the
// allowed containers. Memory errors are mostly found in the hundreds of others.
const decoders = "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,libdav1d,libaom-av1," +
	"mpeg4,mpeg1video,mpeg2video,msmpeg4,msmpeg4v2," +
	"h263,mjpeg,prores,dnxhd,dvvideo,rawvideo,png," +
	"aac,mp3,mp3float,mp2,mp2float,opus,libopus,vorbis,libvorbis,flac,alac,ac3,eac3,speex,libspeex," +
	"pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_u8,pcm_s8,pcm_f32le,pcm_f32be,pcm_f64le,pcm_mulaw," +
	"pcm_alaw,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt"

// source returns the options with which ffprobe and ffmpeg open the input. The list of formats also
// binds the demuxers that a demuxer opens (AVI opens subtitles in any format, HLS among them).
func source(demuxer string, before ...string) []string {
	args := []string{
		"-protocol_whitelist", "file,pipe", "-format_whitelist", demuxer, "-codec_whitelist", decoders,
		"-max_pixels", strconv.Itoa(MaxWidth * MaxHeight),
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
	info, err := t.probe(ctx, input, mime)
	if err != nil {
		return Info{}, fmt.Errorf("probe: %w", err)
	}
	return info, nil
}

func (t *Tool) probe(ctx context.Context, input *os.File, mime string) (Info, error) {
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
	if info.DurationSeconds == 0 {
		if info.DurationSeconds, err = t.measureDuration(ctx, input, info); err != nil {
			return Info{}, err
		}
	}
	if info.DurationSeconds > MaxDurationSeconds {
		return Info{}, reject(TooLong, "")
	}
	return info, t.decodeStart(ctx, input, info)
}

// description is the output of ffprobe.
type description struct {
	Streams []stream `json:"streams"`
	Format  struct {
		Streams  int    `json:"nb_streams"`
		Duration string `json:"duration"`
	} `json:"format"`
}

type stream struct {
	Type        string `json:"codec_type"`
	Codec       string `json:"codec_name"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	PixelShape  string `json:"sample_aspect_ratio"`
	Rate        string `json:"r_frame_rate"`   // the lowest rate that has every timestamp
	AverageRate string `json:"avg_frame_rate"` // frames by duration
	Duration    string `json:"duration"`
	Disposition struct {
		AttachedPicture int `json:"attached_pic"`
	} `json:"disposition"`
	SideData []struct {
		Rotation float64 `json:"rotation"` // degrees; not always whole
	} `json:"side_data_list"`
}

func (t *Tool) describe(ctx context.Context, input *os.File, demuxer string) (description, error) {
	const fields = "format=nb_streams,duration:stream=codec_type,codec_name,width,height,sample_aspect_ratio," +
		"r_frame_rate,avg_frame_rate,duration:stream_disposition=attached_pic:stream_side_data=rotation"
	out := &capped{limit: 256 << 10}
	args := append([]string{"-v", "error", "-show_entries", fields, "-of", "json"}, source(demuxer)...)
	if err := t.run(ctx, invocation{
		program: t.FFprobe,
		args:    args,
		input:   input,
		stdout:  out,
	}); err != nil {
		return description{}, err
	}
	if out.over {
		return description{}, reject(TooManyStreams, "")
	}
	var found description
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return description{}, fmt.Errorf("read the output of ffprobe: %w", err)
	}
	return found, nil
}

// check applies the limits to the headers. A duration of 0 means that the header has none.
func (d description) check(mime string) (Info, error) {
	info := Info{Kind: kindOf(mime), Streams: d.Format.Streams, DurationSeconds: positive(d.Format.Duration)}
	if info.Streams > MaxStreams {
		return Info{}, reject(TooManyStreams, "")
	}
	hasPicture := false
	for _, s := range d.Streams {
		switch {
		case s.Type == "video" && s.Disposition.AttachedPicture == 0 && !hasPicture:
			hasPicture = true
			info.VideoCodec = s.Codec
			info.Width, info.Height = s.displaySize()
			info.FrameRate = s.constantRate()
		case s.Type == "audio" && !info.HasAudio:
			info.HasAudio = true
			info.AudioCodec = s.Codec
		}
	}
	if (info.Kind == Video) != hasPicture || (info.Kind == Audio && !info.HasAudio) {
		return Info{}, reject(WrongKind, "")
	}
	if info.Width > MaxWidth || info.Height > MaxHeight {
		return Info{}, reject(TooLarge, "")
	}
	if info.Kind == Video && (info.Width <= 0 || info.Height <= 0) {
		return Info{}, reject(Undecodable, "no frame size")
	}
	return info, nil
}

func kindOf(mime string) Kind {
	if strings.HasPrefix(mime, "audio/") {
		return Audio
	}
	return Video
}

func positive(s string) float64 {
	value, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(value) || value <= 0 {
		return 0
	}
	return value
}

// ratio parses "num/den" or "num:den"; 0 when it has no value.
func ratio(s string) float64 {
	num, den, _ := strings.Cut(strings.Replace(s, ":", "/", 1), "/")
	if d := positive(den); d > 0 {
		return positive(num) / d
	}
	return 0
}

func (s stream) displaySize() (width, height int) {
	width, height = s.Width, s.Height
	if shape := ratio(s.PixelShape); shape > 0.1 && shape < 10 {
		width = int(math.Round(float64(width) * shape))
	}
	for _, side := range s.SideData {
		if quarter := int(math.Round(side.Rotation / 90)); quarter%2 != 0 {
			return height, width
		}
	}
	return width, height
}

// constantRate returns the frame rate of the conversion. A source whose average rate differs from its
// nominal one has a variable rate (phones, screen recorders); its nominal rate may be 90 000.
func (s stream) constantRate() float64 {
	nominal, average := ratio(s.Rate), ratio(s.AverageRate)
	rate := nominal
	switch {
	case average == 0 && (nominal < 1 || nominal > 120):
		return 30
	case average > 0 && math.Abs(nominal-average) > 0.01*average:
		rate = 30
		if average > 40 {
			rate = 60
		}
	}
	for rate > 60.5 {
		rate /= 2
	}
	return max(rate, 10)
}

// measureDuration reads the packets of a file whose header has no duration, such as WebM that a
// browser has recorded.
func (t *Tool) measureDuration(ctx context.Context, input *os.File, info Info) (float64, error) {
	out := &progress{}
	args := append([]string{"-v", "error", "-nostdin", "-nostats", "-progress", "pipe:1"}, source(info.demuxer)...)
	args = append(args, "-map", mainStream(info), "-c", "copy", "-f", "null", "-")
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

// mainStream returns the specifier of the required stream. V is video that is not cover art.
func mainStream(info Info) string {
	if info.Kind == Video {
		return "0:V:0"
	}
	return "0:a:0"
}

// decodeStart decodes the first second, since valid headers do not prove a valid file.
func (t *Tool) decodeStart(ctx context.Context, input *os.File, info Info) error {
	out := &progress{}
	stderr := &tail{}
	args := append([]string{"-v", "error", "-nostdin", "-nostats", "-progress", "pipe:1"},
		source(info.demuxer, "-threads", strconv.Itoa(t.Threads), "-t", "1")...)
	args = append(args, "-map", mainStream(info))
	if info.Kind == Video && info.HasAudio {
		args = append(args, "-map", "0:a:0")
	}
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
