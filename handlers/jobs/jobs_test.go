package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/codex-platform/codex/handlers/jobs"
)

var discard = slog.New(slog.DiscardHandler)

// runFor runs jobs for a time in the bubble of synctest.
func runFor(t *testing.T, d time.Duration, log *slog.Logger, list ...jobs.Job) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := jobs.Run(ctx, log, list...); err != nil {
		t.Error(err)
	}
}

func TestJobRunsAtOnceAndThenAtItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var calls []time.Duration
		runFor(t, 3*time.Minute+30*time.Second, discard, jobs.Job{
			Name:  "sweep",
			Every: time.Minute,
			Run: func(context.Context) (int, error) {
				calls = append(calls, time.Since(start))
				return 0, nil
			},
		})

		if len(calls) != 4 || calls[0] != 0 {
			t.Fatalf("ran at %v, want at once and 3 more times", calls)
		}
		for i, at := range calls[1:] {
			if gap := at - calls[i]; gap < 57*time.Second || gap > 63*time.Second {
				t.Errorf("ran %v after the run before, want a minute with 5 %% jitter", gap)
			}
		}
	})
}

func TestRunsOfAJobDoNotOverlapAndMissedOnesAreSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		running, calls := 0, 0
		runFor(t, 12*time.Minute, discard, jobs.Job{
			Name:    "slow",
			Every:   time.Minute,
			Timeout: time.Hour,
			Run: func(context.Context) (int, error) {
				if running++; running > 1 {
					t.Error("two runs at the same time")
				}
				defer func() { running-- }()
				if calls++; calls == 1 {
					<-time.After(10 * time.Minute)
				}
				return 0, nil
			},
		})
		// At 0 (for 10 minutes), at 10 and about 11; the next would be about 12.
		if calls != 3 && calls != 4 {
			t.Errorf("%d runs, want 3 or 4", calls)
		}
	})
}

func TestWakeStartsARunBeforeItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{}, 1)
		start := time.Now()
		var last time.Duration
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-time.After(10 * time.Second)
			wake <- struct{}{}
			<-time.After(time.Second)
			cancel()
		}()
		err := jobs.Run(ctx, discard, jobs.Job{
			Name:  "mail",
			Every: time.Hour,
			Wake:  wake,
			Run: func(context.Context) (int, error) {
				last = time.Since(start)
				return 0, nil
			},
		})
		if err != nil || last != 10*time.Second {
			t.Errorf("last run after %v (%v), want 10s", last, err)
		}
	})
}

func TestFailingOrPanickingJobDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		counts := map[string]int{}
		count := func(name string, result func() (int, error)) jobs.Job {
			return jobs.Job{
				Name:  name,
				Every: time.Minute,
				Run: func(context.Context) (int, error) {
					counts[name]++
					return result()
				},
			}
		}
		log := slog.New(slog.NewTextHandler(&out, nil))
		// One after the other: the map has no lock.
		runFor(t, 90*time.Second, log, count("fails", func() (int, error) { return 0, errors.New("no database") }))
		runFor(t, 90*time.Second, log, count("panics", func() (int, error) { panic("a bug") }))
		runFor(t, 90*time.Second, log, count("works", func() (int, error) { return 7, nil }))
		runFor(t, 90*time.Second, log, count("idles", func() (int, error) { return 0, nil }))

		for name, n := range counts {
			if n != 2 {
				t.Errorf("%s ran %d times, want 2", name, n)
			}
		}
		for text, want := range map[string]int{
			`level=WARN msg="job failed" job=fails items=0 error="no database"`: 2,
			`level=ERROR msg="job panicked" job=panics error="panic: a bug"`:    2,
			`level=INFO msg="job done" job=works items=7`:                       2,
			`job=idles`: 0,
		} {
			if got := strings.Count(out.String(), text); got != want {
				t.Errorf("%d times in the log, want %d: %s\n%s", got, want, text, out.String())
			}
		}
	})
}

func TestStopCancelsTheRunAndWaitsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ended := false
		start := time.Now()
		runFor(t, time.Second, slog.New(slog.NewTextHandler(&out, nil)), jobs.Job{
			Name:  "long",
			Every: time.Minute,
			Run: func(ctx context.Context) (int, error) {
				<-ctx.Done()
				<-time.After(2 * time.Second) // finishes what cannot be interrupted
				ended = true
				return 0, ctx.Err()
			},
		})
		if !ended || time.Since(start) != 3*time.Second {
			t.Errorf("returned after %v, run ended: %t", time.Since(start), ended)
		}
		if out.Len() != 0 {
			t.Errorf("a stop was logged as a failure: %s", out.String())
		}
	})
}

func TestRunEndsWithItsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		runFor(t, 30*time.Second, slog.New(slog.NewTextHandler(&out, nil)), jobs.Job{
			Name:    "hangs",
			Every:   time.Hour,
			Timeout: 5 * time.Second,
			Run: func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			},
		})
		if !strings.Contains(out.String(), `error="context deadline exceeded"`) {
			t.Errorf("logged %q", out.String())
		}
	})
}

func TestInvalidJobIsRejected(t *testing.T) {
	t.Parallel()
	work := func(context.Context) (int, error) {
		t.Error("ran")
		return 0, nil
	}
	good := jobs.Job{Name: "good", Every: time.Hour, Run: work}
	for name, list := range map[string][]jobs.Job{
		"no name":     {{Every: time.Hour, Run: work}},
		"no interval": {{Name: "a", Run: work}},
		"no work":     {{Name: "a", Every: time.Hour}},
		"twice":       {good, good},
	} {
		if err := jobs.Run(t.Context(), discard, list...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNothingRunsOnceTheContextIsDone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := jobs.Run(ctx, discard, jobs.Job{
		Name:  "late",
		Every: time.Nanosecond,
		Run: func(context.Context) (int, error) {
			t.Error("ran")
			return 0, nil
		},
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEveryRunIsMeasuredUnderItsJob(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	synctest.Test(t, func(t *testing.T) {
		runFor(t, 90*time.Second, discard, jobs.Job{
			Name:  "measured",
			Every: time.Minute,
			Run:   func(context.Context) (int, error) { return 5, nil },
		})
	})

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, point := range data.DataPoints {
					if job, _ := point.Attributes.Value("job"); job.AsString() == "measured" {
						counts[m.Name] += point.Value
					}
				}
			case metricdata.Histogram[float64]:
				for _, point := range data.DataPoints {
					if job, _ := point.Attributes.Value("job"); job.AsString() == "measured" {
						counts[m.Name] += int64(point.Count)
					}
				}
			}
		}
	}
	for name, want := range map[string]int64{"codex.job.runs": 2, "codex.job.items": 10, "codex.job.duration": 2} {
		if counts[name] != want {
			t.Errorf("%s is %d, want %d", name, counts[name], want)
		}
	}
}
