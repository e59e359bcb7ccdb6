package transcoder

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
)

const (
	reportTimeout   = 30 * time.Second
	progressTimeout = 5 * time.Second
	maxRetryAfter   = 30 * time.Second
	// deliverFor is how long a report is offered in one go. Then the event goes back to the bus, so that other jobs get
	// their turn, and comes again to find the report where it was kept.
	deliverFor = 15 * time.Minute
)

// courier posts signed callbacks.
type courier struct {
	cfg    Config
	client *http.Client
}

func newCourier(cfg Config) *courier {
	transport := cfg.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: reportTimeout,
			IdleConnTimeout:       30 * time.Second,
			MaxIdleConnsPerHost:   2 * cfg.Workers,
		}
	}
	return &courier{cfg: cfg, client: &http.Client{
		Transport: transport,
		// A redirect would carry the signature elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *courier) close() { c.client.CloseIdleConnections() }

// deliver offers a report until it is accepted, or until nobody wants it. Then the kept copy goes.
func (w *Worker) deliver(ctx context.Context, job events.MediaTranscodingStarted, report []byte) error {
	offered := false
	offer := func() (struct{}, error) {
		if offered {
			if state, err := w.state(ctx, job); err == nil && state != wanted {
				w.discard(ctx, job)
				return struct{}{}, nil
			}
		}
		offered = true

		err := w.courier.post(ctx, report, reportTimeout)
		if err != nil {
			w.cfg.Log.WarnContext(ctx, "report not accepted", "job", job.JobID, "error", err)
		}
		return struct{}{}, err
	}

	_, err := backoff.Retry(ctx, offer, backoff.WithMaxElapsedTime(deliverFor), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval:     w.cfg.RetryAfter,
		RandomizationFactor: 0.2,
		Multiplier:          2,
		MaxInterval:         maxRetryAfter,
	}))
	if err != nil {
		return err
	}

	if err := w.cfg.Media.Delete(ctx, reportKey(job)); err != nil {
		w.cfg.Log.WarnContext(ctx, "delivered report not removed", "job", job.JobID, "error", err)
	}
	return nil
}

// post sends one callback. Nil means that it was accepted for good.
func (c *courier) post(ctx context.Context, body []byte, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.CallbackURL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("callback: %w", err)
	}
	timestamp := strconv.FormatInt(c.cfg.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(media.TimestampHeader, timestamp)
	req.Header.Set(media.SignatureHeader, media.Sign(c.cfg.Secret, timestamp, body))
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("callback: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("callback: answered with %s", resp.Status)
	}
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(answer, &said) == nil && said.Error != "" {
		c.cfg.Log.WarnContext(ctx, "callback taken but not understood", "error", said.Error)
	}
	return nil
}

// progress reports how far a job is, in the background: the latest state only, one report in flight, none repeated.
type progress struct {
	courier *courier
	job     events.MediaTranscodingStarted

	mu      sync.Mutex
	step    string
	percent int
	changed bool

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// follow starts to report on a job, until stop.
func (c *courier) follow(ctx context.Context, job events.MediaTranscodingStarted) *progress {
	ctx, cancel := context.WithCancel(ctx)
	p := &progress{courier: c, job: job, cancel: cancel}
	p.done.Go(func() {
		repeat(ctx, c.cfg.ProgressEvery, func() { p.post(ctx) })
	})
	return p
}

// say notes a state. It does not block.
func (p *progress) say(step string, percent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if step != p.step || percent != p.percent {
		p.step, p.percent, p.changed = step, percent, true
	}
}

func (p *progress) post(ctx context.Context) {
	p.mu.Lock()
	step, percent, changed := p.step, p.percent, p.changed
	p.changed = false
	p.mu.Unlock()
	if !changed {
		return
	}
	body, err := json.Marshal(media.Callback{
		Status: media.CallbackProgress, JobID: p.job.JobID, MediaID: p.job.MediaID, Progress: &percent, Step: step,
	})
	if err == nil {
		err = p.courier.post(ctx, body, progressTimeout)
	}
	if err != nil && ctx.Err() == nil {
		p.courier.cfg.Log.DebugContext(ctx, "progress not reported", "job", p.job.JobID, "error", err)
	}
}

// stop ends the reports; none is in flight when it returns.
func (p *progress) stop() {
	p.cancel()
	p.done.Wait()
}
