package ffmpeg

import (
	"context"
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

// analyse measures the first audio track. In the same pass it writes the track to pcm, unless that is
// nil, as mono signed 16-bit samples at waveformRate. Silence has no loudness: nil.
func (t *Tool) analyse(
	ctx context.Context, input *os.File, info Info, pcm io.Writer, report func(seconds float64),
) (*Loudness, error) {
	const meter = "ebur128=peak=true:framelog=verbose" // verbose is below the log level: only the summary is printed
	args := []string{"-hide_banner", "-v", "info", "-nostdin", "-nostats"}
	opened := source(info.demuxer, "-threads", strconv.Itoa(t.Threads))
	in := invocation{program: t.FFmpeg, input: input, stderr: &tail{}}
	if pcm == nil {
		in.stdout = &progress{report: report}
		args = append(append(args, "-progress", "pipe:1"), opened...)
		args = append(args, "-map", "0:a:0", "-af", meter, "-f", "null", "-")
	} else {
		in.stdout = pcm
		args = append(args, opened...)
		args = append(args, "-filter_complex", "[0:a:0]asplit=2[l][w];[l]"+meter+"[m];[w]aresample="+
			strconv.Itoa(waveformRate)+",aformat=sample_fmts=s16:channel_layouts=mono[p]",
			"-map", "[m]", "-f", "null", "/dev/null", "-map", "[p]", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1")
	}
	in.args = args
	if err := t.run(ctx, in); err != nil {
		return nil, err
	}
	return parseLoudness(in.stderr.String()), nil
}

// parseLoudness parses the summary at the end of the messages. Earlier messages may quote the file.
func parseLoudness(messages string) *Loudness {
	_, summary, found := cutLast(messages, "Summary:")
	if !found {
		return nil
	}
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

func cutLast(s, sep string) (before, after string, found bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
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
