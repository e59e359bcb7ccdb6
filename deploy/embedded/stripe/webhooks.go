package stripe

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/codex-platform/codex/domain/signature"
)

// webhookSender delivers the events of one endpoint. Endpoints are independent: each has its
// own queue and its own workers. The queue holds ids of deliveries, which are in the store,
// so the pending ones are found after a restart.
type webhookSender struct {
	server   *Server
	endpoint Endpoint
	client   *http.Client
	workers  chan struct{}
	wake     chan struct{}

	mu    sync.Mutex
	queue dueQueue
}

type due struct {
	atMS int64
	id   string
}

type dueQueue []due

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].atMS < q[j].atMS }
func (q dueQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(x any)        { *q = append(*q, x.(due)) }
func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func newWebhookSender(s *Server, e Endpoint) *webhookSender {
	return &webhookSender{
		server:   s,
		endpoint: e,
		wake:     make(chan struct{}, 1),
		workers:  make(chan struct{}, s.cfg.Retry.Workers),
		client: &http.Client{
			Timeout:   s.cfg.Retry.Timeout,
			Transport: &http.Transport{MaxIdleConnsPerHost: s.cfg.Retry.Workers},
			// Stripe follows no redirect: it is a failure like any other non-2xx response.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func deliveryID(eventID, endpoint string) string { return eventID + " " + endpoint }

// newDelivery returns the delivery of an event, subject to the faults that are set.
func (c *webhookSender) newDelivery(e event) delivery {
	d := delivery{
		ID:       deliveryID(e.ID, c.endpoint.Name),
		Event:    e.ID,
		Type:     e.Type,
		Endpoint: c.endpoint.Name,
		Status:   statusPending,
		Created:  e.Created,
		NextMS:   time.Now().UnixMilli(),
	}

	f := c.server.faults.get()
	d.NextMS += int64(f.DelayMS)
	if f.ReorderWindowMS > 0 {
		d.NextMS += rand.Int64N(int64(f.ReorderWindowMS)) //nolint:gosec // a delay, not a secret
	}
	if c.server.faults.take(func(f *Faults) *int { return &f.Drops }) {
		d.Status = statusDropped
	}
	return d
}

func (c *webhookSender) schedule(id string, atMS int64) {
	c.mu.Lock()
	heap.Push(&c.queue, due{atMS, id})
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// next removes the first due delivery from the queue and returns its id, or "" and how long
// to wait for one.
func (c *webhookSender) next() (id string, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return "", time.Hour
	}
	if wait := time.Until(time.UnixMilli(c.queue[0].atMS)); wait > 0 {
		return "", wait
	}
	return heap.Pop(&c.queue).(due).id, 0
}

// run delivers until ctx ends, and returns after the last attempt.
func (c *webhookSender) run(ctx context.Context) {
	var attempts sync.WaitGroup
	defer c.client.CloseIdleConnections()
	defer attempts.Wait()
	for {
		id, wait := c.next()
		if id == "" {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-c.wake:
			case <-ctx.Done():
				timer.Stop()
				return
			}
			timer.Stop()
			continue
		}
		select {
		case c.workers <- struct{}{}:
		case <-ctx.Done():
			return
		}
		attempts.Go(func() {
			defer func() { <-c.workers }()
			c.attempt(ctx, id)
		})
	}
}

// attempt sends one delivery, with its duplicates, and records the result.
func (c *webhookSender) attempt(ctx context.Context, id string) {
	f := c.server.faults.get()
	payload, err := c.payload(id, f.APIVersion)
	if err != nil {
		c.server.cfg.Logger.Error("sandbox webhook not composed", "delivery", id, "error", err)
		return
	}
	var copies sync.WaitGroup
	for range f.Duplicates {
		copies.Go(func() { _, _ = c.send(ctx, payload) })
	}
	status, err := c.send(ctx, payload)
	copies.Wait()
	if ctx.Err() != nil && err != nil {
		return // stopped, not failed: retried after the next start
	}
	if err := c.record(id, status, err); err != nil {
		c.server.cfg.Logger.Error("sandbox delivery not recorded", "delivery", id, "error", err)
	}
}

func (c *webhookSender) payload(id, version string) (body []byte, _ error) {
	if version == "" {
		version = apiVersion
	}
	return body, c.server.view(nil, func(t *tx) (err error) {
		e, known := t.events.get(t.deliveries.rows[id].Event)
		if !known {
			return errors.New("the event of the delivery is missing")
		}
		body, err = json.MarshalIndent(t.showEvent(e, version), "", "  ")
		return err
	})
}

// send posts the payload with a new signature. The status is 0 without a response.
func (c *webhookSender) send(ctx context.Context, payload []byte) (int, error) {
	return c.post(ctx, payload, sign(payload, c.endpoint.Secret, c.server.cfg.Now()))
}

// post posts a payload with a signature, "" for none.
func (c *webhookSender) post(ctx context.Context, payload []byte, signed string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint.URL, bytes.NewReader(payload))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Stripe/1.0 (codex sandbox)")
	if signed != "" {
		req.Header.Set("Stripe-Signature", signed)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.StatusCode, fmt.Errorf("status %d", resp.StatusCode)
	}
	return resp.StatusCode, nil
}

// sign returns a Stripe-Signature header: HMAC-SHA256 over "t.body" under scheme v1.
func sign(payload []byte, secret string, at time.Time) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return "t=" + stamp + ",v1=" + hex.EncodeToString(signature.Sum([]byte(secret), []byte(stamp), []byte{'.'}, payload))
}

// record stores the result of an attempt and schedules the next one after a failure. It is
// not synced to disk: after a crash the delivery is sent again.
func (c *webhookSender) record(id string, status int, failure error) error {
	retry := c.server.cfg.Retry
	return c.server.update(nil, func(t *tx) error {
		t.lazy = true
		d, known := t.deliveries.get(id)
		if !known {
			return nil
		}
		d.Attempts++
		d.LastStatus, d.LastError = status, ""
		switch {
		case failure == nil:
			d.Status = statusDelivered
		case t.stamp-d.Created >= int64(retry.For.Seconds()):
			d.Status, d.LastError = statusFailed, failure.Error()
		default:
			d.Status, d.LastError = statusPending, failure.Error()
			d.NextMS = time.Now().Add(retry.wait(d.Attempts)).UnixMilli()
			t.after = append(t.after, func() { c.schedule(d.ID, d.NextMS) })
		}
		return put(t, t.deliveries, id, d)
	})
}

// resume queues the deliveries that were pending before a restart. None waits longer than
// the longest pause between two attempts.
func (c *webhookSender) resume() {
	latest := time.Now().Add(c.server.cfg.Retry.Max).UnixMilli()
	for _, id := range c.server.store.deliveries.order {
		d := c.server.store.deliveries.rows[id]
		if d.Endpoint == c.endpoint.Name && d.Status == statusPending {
			c.schedule(d.ID, min(d.NextMS, latest))
		}
	}
}
