package lists_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkLists compares the answer time of every list over HTTP in two worlds: one
// with 1 000 rows in every table, all of one owner, and one with a million purchases and
// grants and 200 000 content items, of which one owner has 120 000. The worlds take
// turns, request by request, so that a change in the machine's speed meets both.
//
//	small-1-ms, full-1-ms        median time of page 1
//	ratio-1                      the one over the other
//	small-1000-ms, full-1000-ms  of page 1000; of the last page where there are fewer
//	ratio-1000
//
// Lists named "linear" have filters or orders that nothing counts; a library that is
// sorted or filtered is derived anew, which takes seconds for 120 000 items. They are
// asked a few times only.
func BenchmarkLists(b *testing.B) {
	start := time.Now()
	small, full := newWorld(b, thousand), newWorld(b, million)
	fmt.Printf("seeded in %s\n", time.Since(start).Round(time.Second))
	for _, limit := range []int{20, 100} {
		for _, l := range counted() {
			b.Run(fmt.Sprintf("limit=%d/%s", limit, l.name), func(b *testing.B) { compare(b, small, full, l, limit, warmUps, rounds) })
		}
		for _, l := range uncounted() {
			b.Run(fmt.Sprintf("limit=%d/linear/%s", limit, l.name), func(b *testing.B) { compare(b, small, full, l, limit, 1, 3) })
		}
	}
}

const (
	// Postgres settles on a plan with the sixth execution of a statement, on each of two
	// connections.
	warmUps = 14
	rounds  = 21
)

func compare(b *testing.B, small, full *world, l list, limit, warmUps, rounds int) {
	b.Helper()
	for b.Loop() {
		for _, page := range []int{1, 1000} {
			var times [2][]float64
			paths := [2]string{small.page(b, l, page, limit), full.page(b, l, page, limit)}
			for round := range warmUps + rounds {
				for i, w := range []*world{small, full} {
					began := time.Now()
					w.ask(b, l.user, paths[i])
					if took := time.Since(began); round >= warmUps {
						times[i] = append(times[i], float64(took.Microseconds())/1000)
					}
				}
			}
			s, f := median(times[0]), median(times[1])
			b.ReportMetric(s, fmt.Sprintf("small-%d-ms", page))
			b.ReportMetric(f, fmt.Sprintf("full-%d-ms", page))
			b.ReportMetric(f/s, fmt.Sprintf("ratio-%d", page))
		}
		b.ReportMetric(0, "ns/op")
	}
}

// page returns the path of a page, or of the last full one that exists.
func (w *world) page(tb testing.TB, l list, page, limit int) string {
	tb.Helper()
	first := w.read(tb, l.user, fmt.Sprintf("%s&page=1&limit=%d", l.path, limit)).Pagination
	page = min(page, max(int(first.Total)/first.Limit, 1))
	return fmt.Sprintf("%s&page=%d&limit=%d", l.path, page, limit)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
