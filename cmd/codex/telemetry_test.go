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
		t.Setenv(tracesExporter, c.traces)
		t.Setenv(metricsExporter, c.metrics)
		if got := exports(tracesExporter, metricsExporter); got != c.want {
			t.Errorf("traces %q, metrics %q: instrumented is %t, want %t", c.traces, c.metrics, got, c.want)
		}
	}
}
