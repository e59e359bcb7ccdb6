package paging_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkLists compares the time of every list over HTTP where its owner has 1 000 rows
// and where its owner has 120 000 (of 150 000, with 200 000 purchases and grants). The two
// take turns, request by request, so that a change in the machine's speed meets both.
//
//	first-ms, first-ratio  page 1 without its count, and against 1 000 rows; bar 2
//	next-ms, next-ratio    the page behind a cursor in the middle; bar 2
//	page1000-ms            page 1000 of 20, without its count, or the last page; bar 50 ms
//	count-ms               the count; bar 50 ms
//
// "derived" lists have filters or orders that no index has; there the bars do not hold.
func BenchmarkLists(b *testing.B) {
	start := time.Now()
	small, large := newHarness(b, thousand), newHarness(b, hundredThousand)
	fmt.Printf("seeded in %s\n", time.Since(start).Round(time.Second))
	for _, l := range indexed() {
		b.Run(l.name, func(b *testing.B) { compare(b, small, large, l, 13) })
	}
	for _, l := range derived() {
		b.Run("derived/"+l.name, func(b *testing.B) { compare(b, small, large, l, 3) })
	}
}

func compare(b *testing.B, small, large *harness, l list, rounds int) {
	b.Helper()
	for b.Loop() {
		first := func(*harness) string { return "&page=1" }
		s, f, count := race(b, small, large, l, rounds, first)
		b.ReportMetric(f, "first-ms")
		b.ReportMetric(f/s, "first-ratio")
		b.ReportMetric(count, "count-ms")
		s, f, _ = race(b, small, large, l, rounds, func(w *harness) string {
			total := w.read(b, l.user, l.path+"&limit=20").Pagination.Total
			middle := w.read(
				b,
				l.user,
				fmt.Sprintf("%s&limit=20&page=%d", l.path, min(1000, max(1, total/40))),
			).Pagination.NextCursor
			if middle == nil {
				return "&page=1"
			}
			return "&cursor=" + *middle
		})
		b.ReportMetric(f, "next-ms")
		b.ReportMetric(f/s, "next-ratio")
		_, f, _ = race(b, small, large, l, rounds, func(w *harness) string {
			total := w.read(b, l.user, l.path+"&limit=20").Pagination.Total
			return fmt.Sprintf("&page=%d", min(1000, max(1, total/20)))
		})
		b.ReportMetric(f, "page1000-ms")
		b.ReportMetric(0, "ns/op")
	}
}

// race asks both for a page in turns and returns the median times in milliseconds, without
// counts, and that of the count where there are many rows.
func race(b *testing.B, small, large *harness, l list, rounds int, page func(*harness) string) (s, f, count float64) {
	b.Helper()
	worlds := []*harness{small, large}
	var times, counts [2][]float64
	paths := [2]string{}
	for i, w := range worlds {
		paths[i] = l.path + "&limit=20" + page(w)
	}
	for round := range rounds + 3 {
		for i, w := range worlds {
			w.statements.take("")
			began := time.Now()
			w.ask(b, l.user, paths[i])
			took := time.Since(began)
			var counted time.Duration
			for _, statement := range w.statements.take("SELECT count(*) FROM") {
				counted += statement.took
			}
			if round >= 3 {
				times[i] = append(times[i], milliseconds(took-counted))
				counts[i] = append(counts[i], milliseconds(counted))
			}
		}
	}
	return median(times[0]), median(times[1]), median(counts[1])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
