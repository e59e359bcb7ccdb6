package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

var (
	meter     = otel.Meter("github.com/codex-platform/codex/handlers/jobs")
	durations = must(meter.Float64Histogram("codex.job.duration",
		metric.WithUnit("s"), metric.WithDescription("time of one run of a job")))
	runs = must(meter.Int64Counter("codex.job.runs",
		metric.WithDescription("runs of a job, by result: ok, failed or panicked")))
	items = must(meter.Int64Counter("codex.job.items",
		metric.WithDescription("items that the runs of a job processed")))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// panicError is a panic of a run, with the stack where it happened.
type panicError struct {
	value any
	stack []byte
}

// Error implements error.
func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// execute runs the job one time, logs how it ended and measures it. A run that the stop
// of the process interrupted is no failure.
func (j Job) execute(ctx context.Context, log *slog.Logger) {
	start := time.Now()
	n, err := j.protected(ctx)
	elapsed := time.Since(start)

	stopped := ctx.Err() != nil
	result := "ok"
	var panicked *panicError
	switch {
	case errors.As(err, &panicked):
		result = "panicked"
		log.ErrorContext(ctx, "job panicked", "job", j.Name, "error", err, "stack", string(panicked.stack))
	case err != nil && !stopped:
		result = "failed"
		log.WarnContext(ctx, "job failed", "job", j.Name, "items", n, "error", err)
	case n > 0:
		log.InfoContext(ctx, "job done", "job", j.Name, "items", n, "duration", elapsed)
	}

	measured := context.WithoutCancel(ctx)
	job := attribute.String("job", j.Name)
	durations.Record(measured, elapsed.Seconds(), metric.WithAttributes(job))
	runs.Add(measured, 1, metric.WithAttributes(job, attribute.String("result", result)))
	items.Add(measured, int64(n), metric.WithAttributes(job))
}

// protected runs the job within its timeout and turns a panic into an error.
func (j Job) protected(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(j.Timeout, defaultTimeout))
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return j.Run(ctx)
}
