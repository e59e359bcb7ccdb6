package demo

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// cue is a text of a WebVTT file and when it is shown.
type cue struct {
	start, end time.Duration
	text       string // without escapes
}

// parseWebVTT reads cues without tags or style sheets (W3C WebVTT, section 4.1).
func parseWebVTT(text string) ([]cue, error) {
	header, rest, _ := strings.Cut(text, "\n")
	if strings.TrimSpace(header) != "WEBVTT" {
		return nil, differs("WEBVTT in the first line", "%.40q", text)
	}
	var cues []cue
	for block := range strings.SplitSeq(rest, "\n\n") {
		if block = strings.Trim(block, "\n"); block == "" {
			continue
		}
		timing, body, _ := strings.Cut(block, "\n")
		from, to, found := strings.Cut(timing, " --> ")
		start, startErr := parseTimestamp(from)
		end, endErr := parseTimestamp(to)
		if !found || startErr != nil || endErr != nil || end <= start || body == "" {
			return nil, differs("a cue with its times", "%.80q", block)
		}
		cues = append(cues, cue{start, end, html.UnescapeString(body)})
	}
	if len(cues) == 0 {
		return nil, differs("cues", "none")
	}
	return cues, nil
}

var timestampPattern = regexp.MustCompile(`^(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})$`)

// parseTimestamp reads 00:01:02.500.
func parseTimestamp(text string) (time.Duration, error) {
	m := timestampPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, differs("hh:mm:ss.mmm", "%q", text)
	}
	return time.ParseDuration(m[1] + "h" + m[2] + "m" + m[3] + "s" + m[4] + "ms")
}

// expectCues fails unless cues have these texts and times, to cueTolerance.
func expectCues(got, want []cue) error {
	if len(got) != len(want) {
		return differs(strconv.Itoa(len(want))+" cues", "%d", len(got))
	}
	for i, w := range want {
		g := got[i]
		if g.text != w.text {
			return differs(strconv.Quote(w.text), "%q", g.text)
		}
		if (g.start-w.start).Abs() > cueTolerance || (g.end-w.end).Abs() > cueTolerance {
			return differs(w.start.String()+" to "+w.end.String()+" for "+strconv.Quote(w.text), "%s to %s", g.start, g.end)
		}
	}
	return nil
}

// cueTolerance is what the clocks of containers round away, and a frame.
const cueTolerance = 50 * time.Millisecond
