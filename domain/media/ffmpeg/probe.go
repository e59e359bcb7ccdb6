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
		"-max_pixels", strconv.Itoa(codedPixels),
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
	if info.DurationSeconds == 0 {
		if info.DurationSeconds, err = t.measureDuration(ctx, input, info); err != nil {
			return Info{}, err
		}
	}
	if info.DurationSeconds > MaxDurationSeconds {
		return Info{}, reject(TooLong, "")
	}
	return info, nil
}

// description is the output of ffprobe.
type description struct {
	Streams []stream `json:"streams"`
	Packets []struct {
		Stream   int `json:"stream_index"`
		SideData []struct {
			Type string `json:"side_data_type"`
		} `json:"side_data_list"`
	} `json:"packets"`
	Format struct {
		Streams  int    `json:"nb_streams"`
		Start    string `json:"start_time"`
		Duration string `json:"duration"`
	} `json:"format"`
}

type stream struct {
	Index       int    `json:"index"`
	Type        string `json:"codec_type"`
	Codec       string `json:"codec_name"`
	Tag         string `json:"codec_tag_string"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	PixelShape  string `json:"sample_aspect_ratio"`
	PixelFormat string `json:"pix_fmt"`
	Range       string `json:"color_range"`
	Matrix      string `json:"color_space"`
	Transfer    string `json:"color_transfer"`
	Primaries   string `json:"color_primaries"`
	FieldOrder  string `json:"field_order"`
	Rate        string `json:"r_frame_rate"`   // the lowest rate that has every timestamp
	AverageRate string `json:"avg_frame_rate"` // frames by duration
	Duration    string `json:"duration"`
	Tags        struct {
		Language string `json:"language"`
		Title    string `json:"title"`
	} `json:"tags"`
	Disposition struct {
		Default         int `json:"default"`
		AttachedPicture int `json:"attached_pic"`
	} `json:"disposition"`
	SideData []struct {
		Rotation float64 `json:"rotation"` // degrees; not always whole
	} `json:"side_data_list"`

	encrypted bool // by a packet
}

// specifier names the stream for ffmpeg.
func (s stream) specifier() string { return "0:" + strconv.Itoa(s.Index) }

func (t *Tool) describe(ctx context.Context, input *os.File, demuxer string) (description, error) {
	const fields = "format=nb_streams,start_time,duration:stream=index,codec_type,codec_name,codec_tag_string," +
		"width,height,sample_aspect_ratio,pix_fmt,color_range,color_space,color_transfer,color_primaries,field_order," +
		"r_frame_rate,avg_frame_rate,duration:stream_tags=language,title:" +
		"stream_disposition=default,attached_pic:stream_side_data=rotation:" +
		"packet=stream_index:packet_side_data=side_data_type"
	out := &capped{limit: 256 << 10}
	messages := &tail{}
	args := append([]string{"-v", "error", "-show_entries", fields, "-read_intervals", "%+#16", "-of", "json"},
		opened(demuxer)...)
	if err := t.run(ctx, invocation{
		program: t.FFprobe,
		args:    args,
		input:   input,
		stdout:  out,
		stderr:  messages,
	}); err != nil {
		if m := refusedCodec.FindAllStringSubmatch(messages.String(), -1); m != nil {
			return description{}, unsupportedCodec("A stream", m[len(m)-1][1])
		}
		return description{}, err
	}
	if out.over {
		return description{}, reject(TooManyStreams, "")
	}
	var found description
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return description{}, fmt.Errorf("read the output of ffprobe: %w", err)
	}
	for _, packet := range found.Packets {
		for _, side := range packet.SideData {
			if side.Type == "Encryption info" && packet.Stream < len(found.Streams) {
				found.Streams[packet.Stream].encrypted = true
			}
		}
	}
	return found, nil
}

// choose returns the stream to convert: the default one, or the first, of those that can be
// decoded; without one, the first that cannot. found is false without any.
func (d description) choose(kind string) (chosen stream, found bool) {
	rank := func(s stream) int {
		r := 1
		if s.isDecodable() {
			r += 2
		}
		if s.Disposition.Default != 0 {
			r++
		}
		return r
	}
	for _, s := range d.Streams {
		if s.Type != kind || s.Disposition.AttachedPicture != 0 {
			continue
		}
		if !found || rank(s) > rank(chosen) {
			chosen, found = s, true
		}
	}
	return chosen, found
}

// check applies the limits to the headers. A duration of 0 means that the header has none.
func (d description) check(mime string) (Info, error) {
	info := Info{Kind: kindOf(mime), Streams: d.Format.Streams, DurationSeconds: positive(d.Format.Duration)}
	info.header = info.DurationSeconds
	info.origin, _ = strconv.ParseFloat(d.Format.Start, 64) // "N/A" is 0
	if info.Streams > MaxStreams {
		return Info{}, reject(TooManyStreams, "")
	}
	picture, hasPicture := d.choose("video")
	sound, hasSound := d.choose("audio")
	switch {
	case info.Kind == Video && !hasPicture:
		return Info{}, &RejectError{Code: WrongKind, Message: "The file has no picture; upload it as audio."}
	case info.Kind == Audio && hasPicture:
		return Info{}, &RejectError{Code: WrongKind, Message: "The file has a picture; upload it as video."}
	case info.Kind == Audio && !hasSound:
		return Info{}, &RejectError{Code: WrongKind, Message: "The file has no sound."}
	case hasPicture && !picture.isDecodable():
		return Info{}, picture.unusable()
	case hasSound && !sound.isDecodable():
		return Info{}, sound.unusable()
	}
	if hasSound {
		info.sound, info.HasAudio, info.AudioCodec = sound, true, sound.Codec
		info.alternatives = d.alternatives(sound)
	}
	if !hasPicture {
		if cover, found := d.cover(); found {
			info.cover = &cover
		}
		return info, nil
	}
	info.picture, info.VideoCodec = picture, picture.Codec
	info.Width, info.Height = picture.displaySize()
	info.FrameRate = picture.constantRate()
	if max(info.Width, info.Height) > MaxSide || info.Width*info.Height > MaxPixelsOfVideo {
		return Info{}, reject(TooLarge, "")
	}
	if info.Width <= 0 || info.Height <= 0 {
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

// constantRate returns the frame rate that the headers declare, which the timestamps may correct.
func (s stream) constantRate() float64 {
	nominal, average := ratio(s.Rate), ratio(s.AverageRate)
	rate := nominal
	switch {
	case average == 0 && (nominal < 1 || nominal > 120):
		return 30
	case s.isVariable():
		rate = nearestRate(average)
	}
	return bounded(rate)
}

// isVariable: a source whose average rate differs from its nominal one has a variable rate (phones,
// screen recorders); its nominal rate may be 90 000.
func (s stream) isVariable() bool {
	nominal, average := ratio(s.Rate), ratio(s.AverageRate)
	return nominal < 1 || nominal > 240 || average > 0 && math.Abs(nominal-average) > 0.01*average
}

// standardRates are those of films, television and cameras, in frames per second.
var standardRates = []float64{
	10, 12, 12.5, 15, 24, 25, 30, 50, 60, 10 / 1.001, 15 / 1.001, 24 / 1.001, 30 / 1.001, 60 / 1.001,
}

// nearestRate returns the standard rate nearest by ratio; a whole one wins within 0.05 %.
func nearestRate(rate float64) float64 {
	rate = bounded(rate)
	best, least := 30.0, math.Inf(1)
	for _, standard := range standardRates {
		if distance := math.Abs(math.Log(rate / standard)); distance < least-0.0005 {
			best, least = standard, distance
		}
	}
	return best
}

func bounded(rate float64) float64 {
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

// mainStream returns the specifier of the required stream.
func mainStream(info Info) string {
	if info.Kind == Video {
		return info.picture.specifier()
	}
	return info.sound.specifier()
}

// decodeStart decodes the first second, since valid headers do not prove a valid file.
func (t *Tool) decodeStart(ctx context.Context, input *os.File, info Info) error {
	out := &progress{}
	stderr := &tail{}
	args := append([]string{"-v", "error", "-nostdin", "-nostats", "-progress", "pipe:1"},
		source(info.demuxer, "-threads", strconv.Itoa(t.Threads), "-t", "1")...)
	args = append(args, "-map", mainStream(info))
	if info.Kind == Video && info.HasAudio {
		args = append(args, "-map", info.sound.specifier())
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
