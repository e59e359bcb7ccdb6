package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/codex-platform/codex/deploy/chaos/invariants"
)

// row is the result of one fault.
type row struct {
	fault      string
	began      time.Time
	took       time.Duration
	skipped    error
	stats      stats
	recovery   time.Duration
	toRest     time.Duration
	found      map[invariants.Class]int
	violations []invariants.Violation
	// complaints are what went wrong besides: clients with an answer that cannot be, processes that did
	// not end.
	complaints []error
	// times are the parts of recovery, one per process that was hit.
	times []string
	// within is the longest that recovery, and a payment's way to access, may take.
	within time.Duration
}

// good reports whether the row is as it has to be.
func (r row) good() bool {
	return len(r.violations) == 0 && len(r.complaints) == 0 && r.stats.Unanswered == 0 &&
		r.recovery <= r.within && r.stats.PaidToAccess <= r.within
}

func (r row) result() string {
	switch {
	case r.skipped != nil:
		return "skipped"
	case r.good():
		return "ok"
	default:
		return "FAILED"
	}
}

func (r row) refused() string {
	if r.stats.Requests == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", 100*float64(r.stats.Refused)/float64(r.stats.Requests))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }

// details writes what the row found, a line each, at most so many of a kind.
func (r row) details(w io.Writer) {
	const most = 8
	if r.skipped != nil {
		fmt.Fprintf(w, "    %v\n", r.skipped)
	}
	if r.recovery > r.within && len(r.times) > 0 {
		fmt.Fprintf(w, "    recovery: %s\n", strings.Join(r.times, ", "))
	}
	for i, c := range r.complaints {
		if i == most {
			fmt.Fprintf(w, "    … and %d more\n", len(r.complaints)-most)
			break
		}
		fmt.Fprintf(w, "    %v\n", c)
	}
	shown := map[string]int{}
	for _, v := range r.violations {
		if shown[v.Invariant.ID]++; shown[v.Invariant.ID] <= most {
			fmt.Fprintf(w, "    %s\n", v)
		}
	}
	for id, n := range shown {
		if n > most {
			fmt.Fprintf(w, "    %s: %d in all\n", id, n)
		}
	}
}

// writeTable writes the closing table; times are in seconds.
func writeTable(w io.Writer, rows []row) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(out, "fault\trequests\trefused %\trecovery s\tpayments\tpaid to access s\t"+
		"lost\tdoubled\treordered\tstuck\twrong\tunanswered\tresult\t\n")
	for _, r := range rows {
		fmt.Fprintf(out, "%s\t%d\t%s\t%s\t%d\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n",
			r.fault, r.stats.Requests, r.refused(), seconds(r.recovery), r.stats.Paid, seconds(r.stats.PaidToAccess),
			r.found[invariants.Lost], r.found[invariants.Doubled], r.found[invariants.Reordered],
			r.found[invariants.Stuck], r.found[invariants.Wrong], r.stats.Unanswered, r.result())
	}
	_ = out.Flush()
}
