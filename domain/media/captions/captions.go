// Package captions reads captions as WebVTT or SubRip (SRT) and writes them as WebVTT, which
// is what browsers and HLS players show. It is text in, text out.
//
// What shows in the picture is kept: text, bold, italic, underlined, classes, voices,
// languages and ruby, positions, and style sheets, which may not refer to files. Comments are
// left out, and so are the colours and fonts of SubRip, which WebVTT has no tags for.
package captions

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// MaxBytes is the longest text that is read: the captions of a long film have 200 KB.
	MaxBytes = 512 << 10
	maxCues  = 20_000
	maxTime  = 25 * time.Hour
)

// Error says what is wrong with a text, and in which line, counted from 1.
type Error struct {
	Line   int
	Reason string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Track is a list of cues in the order of their times.
type Track struct {
	// Blocks are style sheets and regions, which come before the cues.
	Blocks []string
	Cues   []Cue
}

// Cue is a text that is shown for a while.
type Cue struct {
	Start, End time.Duration
	// ID and Settings are WebVTT's; empty for SubRip.
	ID, Settings string
	// Text is WebVTT, with tags and escapes.
	Text string
}

// Parse reads WebVTT when the text begins with WEBVTT, otherwise SubRip. The error is an
// [*Error].
func Parse(text string) (Track, error) { return (&parser{}).parse(text) }

func (p *parser) parse(text string) (Track, error) {
	if len(text) > MaxBytes {
		return Track{}, &Error{1, "the captions are longer than 512 KiB"}
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return Track{}, &Error{1, "the captions are not UTF-8 text"}
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(text, "\ufeff"))
	isVTT := header.MatchString(text)
	for i, block := range blocks(text) {
		var err error
		switch {
		case isVTT && i == 0 && block.line == 1:
			continue // the header
		case isVTT:
			err = p.vtt(block)
		default:
			err = p.srt(block)
		}
		if err != nil && !p.lenient {
			return Track{}, err
		}
	}
	if len(p.track.Cues) == 0 {
		return Track{}, &Error{1, "there are no captions in it"}
	}
	slices.SortStableFunc(p.track.Cues, func(a, b Cue) int { return cmp.Compare(a.Start, b.Start) })
	return p.track, nil
}

// WebVTT writes the track.
func (t Track) WebVTT() string {
	var out strings.Builder
	out.WriteString("WEBVTT\n")
	for _, block := range t.Blocks {
		out.WriteString("\n" + block + "\n")
	}
	for _, c := range t.Cues {
		out.WriteString("\n")
		if c.ID != "" {
			out.WriteString(c.ID + "\n")
		}
		out.WriteString(timestamp(c.Start) + " --> " + timestamp(c.End))
		if c.Settings != "" {
			out.WriteString(" " + c.Settings)
		}
		out.WriteString("\n" + c.Text + "\n")
	}
	return out.String()
}

func timestamp(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}

// block is a paragraph: lines without an empty one between them.
type block struct {
	line  int // of the first, from 1
	lines []string
}

func blocks(text string) []block {
	var all []block
	var current *block
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		if strings.TrimSpace(line) == "" {
			current = nil
			continue
		}
		if current == nil {
			all = append(all, block{line: n})
			current = &all[len(all)-1]
		}
		current.lines = append(current.lines, strings.TrimRight(line, " \t"))
	}
	return all
}

var header = regexp.MustCompile(`^WEBVTT([ \t\n]|$)`)

type parser struct {
	track Track
	// lenient leaves out what is at fault.
	lenient bool
}

// vtt reads a block of WebVTT.
func (p *parser) vtt(b block) error {
	switch kind, _, _ := strings.Cut(b.lines[0], " "); {
	case kind == "NOTE" || strings.HasPrefix(b.lines[0], "NOTE\t"):
		return nil
	case kind == "STYLE" && !strings.Contains(b.lines[0], "-->"):
		return p.style(b)
	case kind == "REGION" && !strings.Contains(b.lines[0], "-->"):
		p.track.Blocks = append(p.track.Blocks, strings.Join(b.lines, "\n"))
		return nil
	}
	timing := 0
	if !strings.Contains(b.lines[0], "-->") {
		timing = 1
	}
	if len(b.lines) <= timing || !strings.Contains(b.lines[timing], "-->") {
		return &Error{b.line, "a cue begins with its times, as in 00:01.000 --> 00:02.500"}
	}
	c, err := times(b.lines[timing], '.', b.line+timing)
	if err != nil {
		return err
	}
	if timing == 1 {
		c.ID = b.lines[0]
	}
	return p.add(c, b, timing+1, knownTags)
}

// style keeps a style sheet that refers to nothing outside.
func (p *parser) style(b block) error {
	sheet := strings.Join(b.lines, "\n")
	if lower := strings.ToLower(sheet); strings.Contains(lower, "url(") || strings.Contains(lower, "@import") ||
		strings.Contains(lower, `\`) || strings.Contains(lower, "-->") {
		return &Error{b.line, "a style sheet may not refer to files, or escape characters"}
	}
	p.track.Blocks = append(p.track.Blocks, sheet)
	return nil
}

var counter = regexp.MustCompile(`^\s*\d+\s*$`)

// srt reads a block of SubRip: a number, the times, the text. A block without times goes on
// with the text of the last cue, which had an empty line in it.
func (p *parser) srt(b block) error {
	timing := 0
	if counter.MatchString(b.lines[0]) {
		timing = 1
	}
	switch {
	case len(b.lines) > timing && strings.Contains(b.lines[timing], "-->"):
	case len(p.track.Cues) > 0:
		last := &p.track.Cues[len(p.track.Cues)-1]
		last.Text = strings.TrimPrefix(last.Text+"\n"+vttText(strings.Join(b.lines, "\n")), "\n")
		return nil
	default:
		return &Error{b.line, "this is neither WebVTT, which begins with WEBVTT, nor SubRip, which begins with times"}
	}
	c, err := times(b.lines[timing], ',', b.line+timing)
	if err != nil {
		return err
	}
	c.Settings = "" // SubRip has coordinates in pixels there
	return p.add(c, b, timing+1, vttText)
}

func (p *parser) add(c Cue, b block, first int, convert func(string) string) error {
	for i, line := range b.lines[first:] {
		if strings.Contains(line, "-->") {
			return &Error{b.line + first + i, "an empty line is missing before the times of a cue"}
		}
	}
	if len(p.track.Cues) == maxCues {
		return &Error{b.line, fmt.Sprintf("there are more than %d cues", maxCues)}
	}
	c.Text = convert(strings.Join(b.lines[first:], "\n"))
	if c.Text != "" {
		p.track.Cues = append(p.track.Cues, c)
	}
	return nil
}

// times reads "start --> end settings". Both kinds of decimal marks are in use.
func times(line string, mark byte, n int) (c Cue, err error) {
	from, rest, _ := strings.Cut(line, "-->")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return Cue{}, &Error{n, "the end of the cue is missing"}
	}
	var ok bool
	if c.Start, ok = clock(strings.TrimSpace(from)); ok {
		c.End, ok = clock(fields[0])
	}
	switch {
	case !ok:
		return Cue{}, &Error{n, fmt.Sprintf("a time is written as 01:02:03%c500", mark)}
	case c.End <= c.Start:
		return Cue{}, &Error{n, "the cue ends before it begins"}
	case c.End > maxTime:
		return Cue{}, &Error{n, "the cue is later than a day"}
	}
	c.Settings = strings.Join(fields[1:], " ")
	return c, nil
}

var clockTime = regexp.MustCompile(`^(?:(\d{1,3}):)?([0-5]?\d):([0-5]?\d)[.,](\d{1,3})$`)

func clock(text string) (time.Duration, bool) {
	parts := clockTime.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	var n [4]int64
	for i, part := range parts[1:] {
		if i == 3 {
			part = (part + "00")[:3]
		}
		n[i], _ = strconv.ParseInt("0"+part, 10, 64)
	}
	return time.Duration(((n[0]*60+n[1])*60+n[2])*1000+n[3]) * time.Millisecond, true
}

var (
	overrides = regexp.MustCompile(`\{\\[^}]*\}`)
	fontTags  = regexp.MustCompile(`(?i)</?font[^>]*>`)
	plainTags = regexp.MustCompile(`(?i)&lt;(/?[biu])&gt;`)
)

// vttText returns a text of SubRip as WebVTT: what is not a tag there is escaped.
func vttText(text string) string {
	text = fontTags.ReplaceAllString(overrides.ReplaceAllString(text, ""), "")
	text = strings.NewReplacer("&amp;", "&amp;", "&lt;", "&lt;", "&gt;", "&gt;", "&nbsp;", "&nbsp;",
		"&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	return strings.TrimSpace(plainTags.ReplaceAllStringFunc(text, func(tag string) string {
		return strings.ToLower("<" + tag[len("&lt;"):len(tag)-len("&gt;")] + ">")
	}))
}
