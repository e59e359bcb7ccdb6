package ffmpeg

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

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

	tooLarge bool // a picture has too many pixels, so that its size is not in its stream
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
	found.tooLarge = exceedsPixels(messages.String())
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
		if d.tooLarge {
			return Info{}, reject(TooLarge, "")
		}
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
