package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
)

// exports reports whether a variable of OpenTelemetry names an exporter. Without one nothing
// is recorded: what is recorded and dropped costs as much.
func exports(variable string) bool {
	exporter := os.Getenv(variable)
	return exporter != "" && exporter != "none"
}

// telemetryExported reports whether anything exports the spans or metrics of requests.
func telemetryExported() bool {
	return exports("OTEL_TRACES_EXPORTER") || exports("OTEL_METRICS_EXPORTER")
}

// startTelemetry exports traces and metrics as OpenTelemetry's own variables say
// (OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER …); without them it exports nothing. Trace
// context is propagated in any case.
func startTelemetry(ctx context.Context) (stop func(), err error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	var stops []func(context.Context) error
	if exports("OTEL_TRACES_EXPORTER") {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("OTEL_TRACES_EXPORTER: %w", err)
		}
		provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
		otel.SetTracerProvider(provider)
		stops = append(stops, provider.Shutdown)
	}
	if exports("OTEL_METRICS_EXPORTER") {
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
