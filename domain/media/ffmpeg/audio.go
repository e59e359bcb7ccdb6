package ffmpeg

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// The loudness of renditions.
const (
	targetLUFS  = -16.0
	ceilingDBTP = -1.5
	maxGainDB   = 20.0 // more would only amplify noise
)

// Loudness is what EBU R 128 measures, in hundredths: LUFS integrated, dBTP true peak, LU range.
type Loudness struct {
	Integrated int // −10 000 … 1 000
	Peak       int // −10 000 … 2 000
	Range      int // 0 … 50 000
}

// gain returns the gain in dB that brings the track to the target without raising its true peak above
// the ceiling.
func (l *Loudness) gain() float64 {
	if l == nil {
		return 0
	}
	wanted := targetLUFS - float64(l.Integrated)/100
	return min(wanted, ceilingDBTP-float64(l.Peak)/100, maxGainDB)
}

// loudnessMeter prints its summary only: verbose is below the log level.
const loudnessMeter = "peak=true:framelog=verbose"

// analyse measures the loudness of audio. In the same pass it writes the track to the waveform, as mono
// signed 16-bit samples at waveformRate. Silence has no loudness: nil.
func (t *Tool) analyse(ctx context.Context, input *os.File, info Info, wave *waveform) (*Loudness, error) {
	graph := fmt.Sprintf("[%s]asplit=2[l][w];[l]ebur128=%s[m];"+
		"[w]aresample=%d,aformat=sample_fmts=s16:channel_layouts=mono[p]",
		info.sound.specifier(), loudnessMeter, waveformRate)
	args := append([]string{"-hide_banner", "-v", "info", "-nostdin", "-nostats"},
		source(info.demuxer, "-threads", strconv.Itoa(t.Threads))...)
	args = append(args, "-filter_complex", graph,
		"-map", "[m]", "-f", "null", "/dev/null", "-map", "[p]", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1")
	messages := &tail{}
	if err := t.run(ctx, invocation{
		program: t.FFmpeg,
		args:    args,
		input:   input,
		stdout:  wave,
		stderr:  messages,
		seconds: info.DurationSeconds,
	}); err != nil {
		return nil, err
	}
	return parseLoudness(messages.String()), nil
}

// parseLoudness parses the summary at the end of the messages. Earlier messages may quote the file.
func parseLoudness(messages string) *Loudness {
	summary := afterLast(messages, "Summary:")
	integrated, ok1 := labelled(summary, "I:")
	spread, ok2 := labelled(summary, "LRA:")
	peak, ok3 := labelled(summary, "Peak:")
	if !ok1 || !ok2 || !ok3 || integrated <= -69.9 { // −70 LUFS is the gate: nothing passed it
		return nil
	}
	return &Loudness{
		Integrated: hundredths(integrated, -10_000, 1_000),
		Peak:       hundredths(peak, -10_000, 2_000),
		Range:      hundredths(spread, 0, 50_000),
	}
}

// afterLast returns what follows the last separator, "" without one.
func afterLast(s, sep string) string {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return ""
	}
	return s[at+len(sep):]
}

// labelled finds "label value unit" among the lines.
func labelled(text, label string) (float64, bool) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == label {
			value, err := strconv.ParseFloat(fields[1], 64)
			return value, err == nil && !math.IsNaN(value) && !math.IsInf(value, 0)
		}
	}
	return 0, false
}

func hundredths(value float64, lowest, highest int) int {
	return min(max(int(math.Round(value*100)), lowest), highest)
}

const (
	waveformRate    = 8000 // samples per second fed to the waveform
	pointsPerSecond = 10
	samplesPerPoint = waveformRate / pointsPerSecond
	waveformWidth   = 1800
	waveformHeight  = 140
)

// waveform reduces mono signed 16-bit little-endian samples at waveformRate to one (lowest, highest)
// pair of 8 bits per tenth of a second, for at most a day (1.7 MB).
type waveform struct {
	points  []int8 // lowest, highest, lowest, highest, …
	odd     []byte // half a sample from the last write
	low     int16
	high    int16
	samples int // in the current point
	report  func(seconds float64)
}

func (w *waveform) Write(b []byte) (int, error) {
	n := len(b)
	if len(w.odd) == 1 && n > 0 {
		w.add(int16(binary.LittleEndian.Uint16([]byte{w.odd[0], b[0]})))
		b, w.odd = b[1:], nil
	}
	for ; len(b) >= 2; b = b[2:] {
		w.add(int16(binary.LittleEndian.Uint16(b)))
	}
	if len(b) == 1 {
		w.odd = []byte{b[0]}
	}
	if w.report != nil {
		w.report(float64(len(w.points)/2) / pointsPerSecond)
	}
	return n, nil
}

func (w *waveform) add(sample int16) {
	if w.samples == 0 {
		w.low, w.high = sample, sample
	}
	w.low, w.high = min(w.low, sample), max(w.high, sample)
	if w.samples++; w.samples == samplesPerPoint {
		w.finish()
	}
}

// finish ends the current point, also a last, shorter one.
func (w *waveform) finish() {
	if w.samples > 0 && len(w.points)/2 < MaxDurationSeconds*pointsPerSecond {
		w.points = append(w.points, int8(w.low>>8), int8(w.high>>8))
	}
	w.samples = 0
}

// writeJSON writes version 2 of the format of BBC's audiowaveform, which web players read: data has
// the pairs in order.
func (w *waveform) writeJSON(out io.Writer) error {
	text := make([]byte, 0, 128+5*len(w.points))
	text = append(text, `{"version":2,"channels":1,"sample_rate":`...)
	text = strconv.AppendInt(text, waveformRate, 10)
	text = append(text, `,"samples_per_pixel":`...)
	text = strconv.AppendInt(text, samplesPerPoint, 10)
	text = append(text, `,"bits":8,"length":`...)
	text = strconv.AppendInt(text, int64(len(w.points)/2), 10)
	text = append(text, `,"data":[`...)
	for i, p := range w.points {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(p), 10)
	}
	_, err := out.Write(append(text, "]}\n"...))
	return err
}

// writePNG draws the whole track on a transparent background.
func (w *waveform) writePNG(out io.Writer) error {
	palette := color.Palette{color.NRGBA{}, color.NRGBA{R: 0x4F, G: 0x46, B: 0xE5, A: 0xFF}}
	picture := image.NewPaletted(image.Rect(0, 0, waveformWidth, waveformHeight), palette)
	count := len(w.points) / 2
	for x := 0; x < waveformWidth && count > 0; x++ {
		first := x * count / waveformWidth
		last := max(first+1, (x+1)*count/waveformWidth)
		low, high := int8(127), int8(-128)
		for i := first; i < last; i++ {
			low, high = min(low, w.points[2*i]), max(high, w.points[2*i+1])
		}
		for y := row(high); y <= row(low); y++ {
			picture.SetColorIndex(x, y, 1)
		}
	}
	return png.Encode(out, picture)
}

// row returns the row of a level in the picture; silence is in the middle.
func row(level int8) int {
	return (127 - int(level)) * (waveformHeight - 1) / 255
}
