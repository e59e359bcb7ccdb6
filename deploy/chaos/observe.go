package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/events"
)

// observe loads what clients, the payment provider, the streams and the store know into the
// checker's tables. The journal is added to, the rest replaced.
func (h *harness) observe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for _, load := range []func(context.Context) error{
		h.loadRequests, h.loadSessions, h.loadRefunds, h.loadDeliveries, h.loadMessages, h.loadConsumers, h.loadObjects,
	} {
		if err := load(ctx); err != nil {
			return fmt.Errorf("observe: %w", err)
		}
	}
	_, err := h.pool.Exec(ctx, "ANALYZE")
	return err
}

// replace writes the rows of a checker's table anew.
func (h *harness) replace(ctx context.Context, table string, columns []string, rows [][]any) error {
	if _, err := h.pool.Exec(ctx, "TRUNCATE chaos."+table); err != nil {
		return err
	}
	return h.add(ctx, table, columns, rows)
}

func (h *harness) add(ctx context.Context, table string, columns []string, rows [][]any) error {
	_, err := h.pool.CopyFrom(ctx, pgx.Identifier{"chaos", table}, columns, pgx.CopyFromRows(rows))
	if err != nil {
		return fmt.Errorf("load %s: %w", table, err)
	}
	return nil
}

func (h *harness) loadRequests(ctx context.Context) error {
	var rows [][]any
	for _, a := range h.load.journal.take() {
		var command any
		if a.Command != "" {
			command = a.Command
		}
		rows = append(rows, []any{
			a.Operation, string(a.Kind), a.Actor, a.Key, command, a.Payload, a.Subject, a.Started, a.Ended,
			a.Status, a.Resource, a.Value,
		})
	}
	return h.add(ctx, "requests", []string{
		"operation", "kind", "actor", "key", "command", "payload", "subject", "started_at", "ended_at",
		"status", "resource", "value",
	}, rows)
}

// fromProvider lists all objects at a path of the payment provider's API.
func fromProvider[T any](ctx context.Context, h *harness, path string, id func(T) string) ([]T, error) {
	var all []T
	for {
		page := h.payments.URL() + path + "?limit=100"
		if len(all) > 0 {
			page += "&starting_after=" + id(all[len(all)-1])
		}
		var list struct {
			Data []T  `json:"data"`
			More bool `json:"has_more"`
		}
		if err := getJSON(ctx, page, &list); err != nil {
			return nil, err
		}
		if all = append(all, list.Data...); !list.More || len(list.Data) == 0 {
			return all, nil
		}
	}
}

func getJSON(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+stripeKey)
	answer, err := (&http.Client{}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %d %.200s", address, answer.StatusCode, body)
	}
	return json.Unmarshal(body, into)
}

func (h *harness) loadSessions(ctx context.Context) error {
	type session struct {
		ID        string
		Payment   string `json:"payment_status"`
		Amount    int64  `json:"amount_total"`
		Currency  string
		Reference *string `json:"client_reference_id"`
		Intent    *string `json:"payment_intent"`
	}
	sessions, err := fromProvider(ctx, h, "/v1/checkout/sessions", func(s session) string { return s.ID })
	if err != nil {
		return err
	}
	var rows [][]any
	for _, s := range sessions {
		rows = append(rows, []any{s.ID, s.Payment, s.Amount, s.Currency, text(s.Reference), text(s.Intent)})
	}
	columns := []string{"id", "payment", "amount", "currency", "reference", "intent"}
	return h.replace(ctx, "sessions", columns, rows)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (h *harness) loadRefunds(ctx context.Context) error {
	type refund struct {
		ID     string
		Intent string `json:"payment_intent"`
		Amount int64
		Status string
	}
	refunds, err := fromProvider(ctx, h, "/v1/refunds", func(r refund) string { return r.ID })
	if err != nil {
		return err
	}
	var rows [][]any
	for _, r := range refunds {
		rows = append(rows, []any{r.ID, r.Intent, r.Amount, r.Status})
	}
	return h.replace(ctx, "refunds", []string{"id", "intent", "amount", "status"}, rows)
}

// delivery is a webhook as the sandbox sees it.
type delivery struct{ Event, Endpoint, Status string }

func (h *harness) deliveries(ctx context.Context, query string) ([]delivery, error) {
	var list struct{ Data []delivery }
	err := getJSON(ctx, h.payments.URL()+"/sandbox/deliveries?limit=1000000"+query, &list)
	return list.Data, err
}

func (h *harness) loadDeliveries(ctx context.Context) error {
	deliveries, err := h.deliveries(ctx, "")
	if err != nil {
		return err
	}
	var rows [][]any
	for _, d := range deliveries {
		rows = append(rows, []any{d.Event, d.Endpoint, d.Status})
	}
	return h.replace(ctx, "deliveries", []string{"event_id", "endpoint", "status"}, rows)
}

// loadMessages reads the whole event stream.
func (h *harness) loadMessages(ctx context.Context) error {
	stream, err := h.js.Stream(ctx, events.EventStream)
	if err != nil {
		return err
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	var rows [][]any
	for last := uint64(0); last < info.State.LastSeq; {
		message, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read the event stream: %w", err)
		}
		meta, err := message.Metadata()
		if err != nil {
			return err
		}
		e, err := events.FromMessage(message.Headers(), message.Data())
		if err != nil {
			return err
		}
		digest := sha256.Sum256(message.Data())
		rows = append(rows, []any{
			int64(meta.Sequence.Stream), e.ID, e.AggregateID, e.Version, hex.EncodeToString(digest[:]),
		})
		last = meta.Sequence.Stream
	}
	columns := []string{"sequence", "event_id", "aggregate_id", "version", "digest"}
	return h.replace(ctx, "messages", columns, rows)
}

// consumers returns the durable consumers of both streams.
func (h *harness) consumers(ctx context.Context) ([]*jetstream.ConsumerInfo, error) {
	var durable []*jetstream.ConsumerInfo
	for _, name := range []string{events.CommandStream, events.EventStream} {
		stream, err := h.js.Stream(ctx, name)
		if err != nil {
			return nil, err
		}
		list := stream.ListConsumers(ctx)
		for info := range list.Info() {
			if info.Config.Durable != "" {
				durable = append(durable, info)
			}
		}
		if err := list.Err(); err != nil {
			return nil, err
		}
	}
	return durable, nil
}

func (h *harness) loadConsumers(ctx context.Context) error {
	consumers, err := h.consumers(ctx)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, c := range consumers {
		rows = append(rows, []any{c.Name, int64(c.NumPending), int64(c.NumAckPending)})
	}
	return h.replace(ctx, "consumers", []string{"name", "pending", "unacked"}, rows)
}

// loadObjects lists the media bucket by its directory.
func (h *harness) loadObjects(ctx context.Context) error {
	root := filepath.Join(h.data.Path("s3"), "buckets", "codex-media")
	var rows [][]any
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed meanwhile
		}
		if err != nil || entry.IsDir() {
			return err
		}
		key, err := filepath.Rel(root, path)
		rows = append(rows, []any{filepath.ToSlash(key)})
		return err
	})
	if err != nil {
		return err
	}
	return h.replace(ctx, "objects", []string{"key"}, rows)
}
