package ffmpeg

import (
	"context"
	"fmt"
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
