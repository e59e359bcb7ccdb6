package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/cmd/codex/redact"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
)

type eventsCmd struct {
	Tail   tailCmd   `cmd:"" help:"Print events as they are published."`
	Schema schemaCmd `cmd:"" help:"Print the contract of all events, as an AsyncAPI document."`
}

type tailCmd struct {
	Type   string `help:"Only events of this type, for example purchase.completed."`
	Tenant string `help:"Only events of this tenant: an organization's, creator's or user's id."`
	All    bool   `help:"Begin with the oldest event that is kept instead of the next one."`
	JSON   bool   `help:"Print each event as one line of structured CloudEvents JSON."`
}

// Run prints events until it is interrupted.
func (t tailCmd) Run(a *app) error {
	cfg, err := readConfig()
	if err != nil {
		return err
	}
	address, err := cfg.natsAddress()
	if err != nil {
		return err
	}
	credentials, err := natsOptions(cfg)
	if err != nil {
		return err
	}
	l := &link{}
	conn, err := bus.Connect(address, "events-tail", a.log, append(l.options(), credentials...)...)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := l.err(conn); err != nil {
		return fmt.Errorf("%s: %w: start the platform with codex up, or set CODEX_NATS_URL; CODEX_DATA names the "+
			"directory with the token of codex up", redact.Credentials(address), err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	policy := jetstream.DeliverNewPolicy
	if t.All {
		policy = jetstream.DeliverAllPolicy
	}
	consumer, err := js.OrderedConsumer(a.ctx, events.EventStream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{t.subject()}, DeliverPolicy: policy,
	})
	if err != nil {
		return fmt.Errorf("read the event stream: %w", err)
	}
	return t.print(a.ctx, a, consumer)
}

func (t tailCmd) subject() string {
	tenant, kind := "*", "*.>"
	if t.Tenant != "" {
		tenant = events.Token(t.Tenant)
	}
	if t.Type != "" {
		return "codex.events." + tenant + events.SubjectFor(t.Type)[len("codex.events.*"):]
	}
	return "codex.events." + tenant + "." + kind
}

func (t tailCmd) print(ctx context.Context, a *app, consumer jetstream.Consumer) error {
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read the event stream: %w", err)
	}
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	for {
		msg, err := messages.Next()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("read the event stream: %w", err)
		}
		e, err := events.FromMessage(msg.Headers(), msg.Data())
		if err != nil {
			a.log.Warn("unreadable event", "subject", msg.Subject(), "error", err)
			continue
		}
		if t.JSON {
			err = json.NewEncoder(a.out).Encode(structured(e))
		} else {
			_, err = fmt.Fprintf(a.out, "%s  %-32s %s v%d  %s\n",
				e.Time.Format(time.RFC3339Nano), e.Type, e.AggregateID, e.Version, e.Data)
		}
		if err != nil {
			return err
		}
	}
}

// structured returns an event in the structured mode of CloudEvents.
func structured(e events.Event) map[string]any {
	return map[string]any{
		"specversion":      "1.0",
		"id":               e.ID,
		"type":             e.Type,
		"source":           events.Source,
		"time":             e.Time,
		"subject":          e.AggregateID,
		"datacontenttype":  "application/json",
		"data":             e.Data,
		"tenantid":         e.Tenant,
		"aggregateversion": e.Version,
		"causationid":      e.CausationID,
		"correlationid":    e.CorrelationID,
		"actorid":          e.ActorID,
		"traceparent":      e.TraceParent,
	}
}
