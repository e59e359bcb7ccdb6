package commands

import (
	"cmp"
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

var tracer = otel.Tracer("github.com/codex-platform/codex/handlers/commands")

// batchSpan is the span of a batch; nil when none of its commands is traced.
type batchSpan struct{ trace.Span }

func (s *batchSpan) end(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.SetStatus(codes.Error, err.Error())
	}
	s.End()
}

// startSpans opens one span for the batch, linked to the request of every command
// in it.
func startSpans(ctx context.Context, cmds []events.Command) (context.Context, *batchSpan) {
	var links []trace.Link
	first := ""
	for _, cmd := range cmds {
		if cmd.TraceParent == "" {
			continue
		}
		first = cmp.Or(first, cmd.TraceParent)
		links = append(links, trace.LinkFromContext(bus.WithTraceParent(ctx, cmd.TraceParent)))
	}
	if len(links) == 0 {
		return ctx, nil
	}
	ctx, span := tracer.Start(bus.WithTraceParent(ctx, first), "apply "+cmds[0].Context(),
		trace.WithLinks(links...), trace.WithSpanKind(trace.SpanKindConsumer))
	return ctx, &batchSpan{span}
}
