package main

import "testing"

func TestNothingIsInstrumentedWithoutAnExporter(t *testing.T) {
	for _, c := range []struct {
		traces, metrics string
		want            bool
	}{
		{"", "", false},
		{"none", "none", false},
		{"otlp", "none", true},
		{"", "prometheus", true},
	} {
		t.Setenv("OTEL_TRACES_EXPORTER", c.traces)
		t.Setenv("OTEL_METRICS_EXPORTER", c.metrics)
		if got := exportsTelemetry(); got != c.want {
			t.Errorf("traces %q, metrics %q: instrumented is %t, want %t", c.traces, c.metrics, got, c.want)
		}
	}
}
