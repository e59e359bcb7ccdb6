package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
)

// The variables of OpenTelemetry that say what is exported, and where to.
const (
	tracesExporter  = "OTEL_TRACES_EXPORTER"
	metricsExporter = "OTEL_METRICS_EXPORTER"
)

// exports reports whether one of these variables names an exporter.
func exports(variables ...string) bool {
	return slices.ContainsFunc(variables, func(name string) bool {
		exporter := os.Getenv(name)
		return exporter != "" && exporter != "none"
	})
}

// startTelemetry exports traces and metrics as OpenTelemetry's own variables say
// (OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER …); without them it exports nothing. Trace
// context is propagated in any case.
func startTelemetry(ctx context.Context) (stop func(), err error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	var stops []func(context.Context) error
	if exports(tracesExporter) {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf(tracesExporter+": %w", err)
		}
		provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
		otel.SetTracerProvider(provider)
		stops = append(stops, provider.Shutdown)
	}
	if exports(metricsExporter) {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, fmt.Errorf(metricsExporter+": %w", err)
		}
		provider := metric.NewMeterProvider(metric.WithReader(reader))
		otel.SetMeterProvider(provider)
		stops = append(stops, provider.Shutdown)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		for _, stop := range stops {
			_ = stop(ctx)
		}
	}, nil
}
