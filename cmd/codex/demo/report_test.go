package demo

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// reportAt is a report whose clock moves a second and a half with every look.
func reportAt(out *bytes.Buffer) *report {
	r := newReport(out)
	now := time.Unix(0, 0)
	r.started = now
	r.now = func() time.Time { now = now.Add(1500 * time.Millisecond); return now }
	return r
}

func TestTheReportSaysEveryStepAndEndsInATable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := reportAt(&out)
	err := play(t.Context(), r, []step{
		{"open", func(context.Context) (string, error) {
			for done := range int64(101) {
				r.bar("upload", done, 100, "")
			}
			r.measure("payment → access", "41 ms", "< 250 ms")
			return "", nil
		}},
		{"look", func(context.Context) (string, error) { return "it is there", nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.table()
	const want = `    upload  25 %
    upload  50 %
    upload  75 %
    upload 100 %
✓ open  1.5 s
✓ look: it is there  1.5 s

measured                 value  required
────────────────────────────────────────
payment → access         41 ms  < 250 ms
steps as they should be  2      all
whole demonstration      7.5 s
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTheFirstDeviationEndsTheDemonstration(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := play(t.Context(), reportAt(&out), []step{
		{"ask", func(context.Context) (string, error) { return "", differs("200", "%d %s", 503, "SERVICE_UNAVAILABLE") }},
		{"go on", func(context.Context) (string, error) { t.Error("it went on"); return "", nil }},
	})
	if err == nil || !strings.Contains(err.Error(), "ask") {
		t.Errorf("got error %v", err)
	}
	if want := "✗ ask: expected 200, got 503 SERVICE_UNAVAILABLE  1.5 s\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestAnInterruptedDemonstrationIsNoSuccess(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := play(ctx, reportAt(&bytes.Buffer{}), []step{{"wait", func(ctx context.Context) (string, error) {
		cancel()
		<-ctx.Done()
		return "", ctx.Err()
	}}})
	// main takes context.Canceled for a quiet end.
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestATerminalGetsOneLineThatMoves(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := reportAt(&out)
	r.terminal = true
	r.begin("upload")
	r.bar("upload", 1, 2, "")
	r.done("")
	if strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "███") ||
		!strings.HasSuffix(out.String(), "\r\x1b[K✓ upload  1.5 s\n") {
		t.Errorf("got %q", out.String())
	}
}
