package ffmpeg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

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

// shorter merges points so that at most this many are left.
func (w *waveform) shorter(most int) (merged []int8, factor int) {
	count := len(w.points) / 2
	factor = max(1, (count+most-1)/most)
	for first := 0; first < count; first += factor {
		low, high := int8(127), int8(-128)
		for i := first; i < min(first+factor, count); i++ {
			low, high = min(low, w.points[2*i]), max(high, w.points[2*i+1])
		}
		merged = append(merged, low, high)
	}
	return merged, factor
}

// writeJSON writes points, each merged from factor ones, in version 2 of the format of BBC's
// audiowaveform, which web players read: data has the pairs in order.
func writeJSON(out io.Writer, points []int8, factor int) error {
	text := make([]byte, 0, 128+5*len(points))
	text = append(text, `{"version":2,"channels":1,"sample_rate":`...)
	text = strconv.AppendInt(text, waveformRate, 10)
	text = append(text, `,"samples_per_pixel":`...)
	text = strconv.AppendInt(text, int64(samplesPerPoint*factor), 10)
	text = append(text, `,"bits":8,"length":`...)
	text = strconv.AppendInt(text, int64(len(points)/2), 10)
	text = append(text, `,"data":[`...)
	for i, p := range points {
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

// drawWaveform writes the waveform in two resolutions, and a picture of it.
func (c *conversion) drawWaveform() error {
	c.report(Waveform, 95, 95, 0)
	c.wave.finish()
	var detail, overview, picture bytes.Buffer
	merged, factor := c.wave.shorter(waveformWidth)
	if err := errors.Join(
		writeJSON(&detail, c.wave.points, 1),
		writeJSON(&overview, merged, factor),
		c.wave.writePNG(&picture),
	); err != nil {
		return fmt.Errorf("draw waveform: %w", err)
	}
	c.result.Waveform, c.result.WaveformShort = "waveform.json", "waveform-overview.json"
	c.result.WaveformImage = "waveform.png"
	return errors.Join(
		os.WriteFile(filepath.Join(c.out, c.result.Waveform), detail.Bytes(), 0o600),
		os.WriteFile(filepath.Join(c.out, c.result.WaveformShort), overview.Bytes(), 0o600),
		os.WriteFile(filepath.Join(c.out, c.result.WaveformImage), picture.Bytes(), 0o600))
}
