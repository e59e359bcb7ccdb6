package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// exportsTelemetry reports whether traces or metrics are exported.
func exportsTelemetry() bool {
	return isExporter(os.Getenv("OTEL_TRACES_EXPORTER")) || isExporter(os.Getenv("OTEL_METRICS_EXPORTER"))
}

// isExporter reports whether a variable of OpenTelemetry names an exporter.
func isExporter(name string) bool { return name != "" && name != "none" }

// startTelemetry exports traces and metrics as OpenTelemetry's own variables say
// (OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER …); without them it exports nothing. Trace
// context is propagated in any case.
func startTelemetry(ctx context.Context) (stop func(), err error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	var stops []func(context.Context) error
	if !isExporter(os.Getenv("OTEL_TRACES_EXPORTER")) {
		// Without it the global provider keeps the tracers, to hand them on later.
		otel.SetTracerProvider(tracenoop.NewTracerProvider())
	} else {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("OTEL_TRACES_EXPORTER: %w", err)
		}
		provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
		otel.SetTracerProvider(provider)
		stops = append(stops, provider.Shutdown)
	}
	if !isExporter(os.Getenv("OTEL_METRICS_EXPORTER")) {
		otel.SetMeterProvider(metricnoop.NewMeterProvider())
	} else {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, fmt.Errorf("OTEL_METRICS_EXPORTER: %w", err)
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
