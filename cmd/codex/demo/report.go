package demo

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// report writes one line per step while it happens and a table in the end.
type report struct {
	out      io.Writer
	terminal bool // lines may be rewritten
	colours  bool
	now      func() time.Time

	started  time.Time
	step     string
	since    time.Time
	steps    int
	quarter  int  // of the bar that was printed last, on something that is no terminal
	pending  bool // the terminal's current line will be overwritten
	measured []measure
}

// measure is a row of the table.
type measure struct{ name, value, bound string }

// newReport looks at what it writes to, and at NO_COLOR (https://no-color.org).
func newReport(out io.Writer) *report {
	r := &report{out: out, now: time.Now}
	if f, ok := out.(*os.File); ok {
		stat, err := f.Stat()
		r.terminal = err == nil && stat.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	r.colours = r.terminal && os.Getenv("NO_COLOR") == ""
	r.started = r.now()
	return r
}

// begin opens a step.
func (r *report) begin(name string) {
	r.step, r.since, r.quarter = name, r.now(), 0
	if r.terminal {
		r.rewrite("… " + name)
	}
}

// done closes the step with what it found.
func (r *report) done(said string) {
	r.steps++
	line := r.paint("32", "✓") + " " + r.step
	if said != "" {
		line += r.paint("2", ": "+said)
	}
	r.finish(line + "  " + r.paint("2", duration(r.now().Sub(r.since))))
}

// fail closes the step with what is wrong.
func (r *report) fail(err error) {
	r.finish(fmt.Sprintf("%s %s: %v  %s", r.paint("31", "✗"), r.step, err, r.paint("2", duration(r.now().Sub(r.since)))))
}

// note writes a line that belongs to the step.
func (r *report) note(format string, args ...any) {
	r.finish("    " + fmt.Sprintf(format, args...))
	if r.terminal {
		r.rewrite("… " + r.step)
	}
}

// bar shows how far a step is: a moving bar on a terminal, a line per quarter
// elsewhere.
func (r *report) bar(label string, done, total int64, detail string) {
	if total <= 0 {
		return
	}
	done = min(done, total)
	percent := int(done * 100 / total)
	if r.terminal {
		const width = 30
		full := percent * width / 100
		drawn := strings.Repeat("█", full) + strings.Repeat("░", width-full)
		r.rewrite(fmt.Sprintf("  %s %s %3d %% %s", label, drawn, percent, detail))
		return
	}
	if quarter := percent / 25; quarter > r.quarter {
		r.quarter = quarter
		r.finish(strings.TrimRight(fmt.Sprintf("    %s %3d %% %s", label, percent, detail), " "))
	}
}

// measure keeps a value for the table. bound is what it had to be, or "".
func (r *report) measure(name, value, bound string) {
	r.measured = append(r.measured, measure{name, value, bound})
}

// output shows what another program wrote.
func (r *report) output(title, text string) {
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	r.finish("\n" + title + ":")
	for line := range strings.Lines(text) {
		fmt.Fprintln(r.out, "  | "+strings.TrimRight(line, "\n"))
	}
}

// table closes the report.
func (r *report) table() {
	r.measure("steps as they should be", strconv.Itoa(r.steps), "all")
	r.measure("whole demonstration", duration(r.now().Sub(r.started)), "")
	names, values, bounds := len("measured"), len("value"), len("required")
	for _, m := range r.measured {
		names, values = max(names, utf8.RuneCountInString(m.name)), max(values, utf8.RuneCountInString(m.value))
		bounds = max(bounds, utf8.RuneCountInString(m.bound))
	}
	row := func(m measure) string {
		return strings.TrimRight(pad(m.name, names)+"  "+pad(m.value, values)+"  "+m.bound, " ")
	}
	r.finish("")
	fmt.Fprintln(r.out, r.paint("1", row(measure{"measured", "value", "required"})))
	fmt.Fprintln(r.out, strings.Repeat("─", names+values+bounds+4))
	for _, m := range r.measured {
		fmt.Fprintln(r.out, row(m))
	}
}

// rewrite replaces the terminal's current line by one that stays open.
func (r *report) rewrite(line string) {
	fmt.Fprint(r.out, "\r\x1b[K"+line)
	r.pending = true
}

// finish writes a whole line, over an open one.
func (r *report) finish(line string) {
	if r.pending {
		fmt.Fprint(r.out, "\r\x1b[K")
		r.pending = false
	}
	fmt.Fprintln(r.out, line)
}

func (r *report) paint(code, text string) string {
	if !r.colours {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// pad fills up with spaces; fmt counts bytes where the eye counts characters.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// duration writes a time in three digits or so.
func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// size writes a number of bytes.
func size(bytes int64) string {
	switch {
	case bytes < 1000:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	default:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
}
