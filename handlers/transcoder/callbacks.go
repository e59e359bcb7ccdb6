package transcoder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/codex-platform/codex/domain/media"
)

const (
	reportTimeout   = 30 * time.Second
	progressTimeout = 5 * time.Second
	maxRetryAfter   = 30 * time.Second
	// deliverFor is how long the delivery of a report is retried. Then the event goes back to
	// the bus, so that other jobs are not delayed; its redelivery finds the stored report.
	deliverFor = 15 * time.Minute
)

// callbackClient posts signed callbacks.
type callbackClient struct {
	cfg    Config
	client *http.Client
}

func newCallbackClient(cfg Config) *callbackClient {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: reportTimeout,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   2 * cfg.Workers,
	}
	return &callbackClient{cfg: cfg, client: &http.Client{
		Transport: transport,
		// A redirect would send the signature to another server.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (c *callbackClient) close() { c.client.CloseIdleConnections() }

// deliver posts a report until it is accepted, or until the job is not current, and removes
// the stored copy.
func (w *Worker) deliver(ctx context.Context, job *job, report []byte) error {
	posted := false
	post := func() (struct{}, error) {
		if posted && errors.Is(w.checkCurrent(ctx, job), errNotCurrent) {
			w.discard(ctx, job)
			return struct{}{}, nil
		}
		posted = true

		err := w.callbacks.post(ctx, report, reportTimeout)
		if err != nil {
			w.cfg.Log.WarnContext(ctx, "report not accepted", "job", job.JobID, "error", err)
		}
		return struct{}{}, err
	}
	waits := &backoff.ExponentialBackOff{
		InitialInterval:     w.cfg.RetryAfter,
		RandomizationFactor: 0.2,
		Multiplier:          2,
		MaxInterval:         maxRetryAfter,
	}
	_, err := backoff.Retry(ctx, post, backoff.WithMaxElapsedTime(deliverFor), backoff.WithBackOff(waits))
	if err != nil {
		return err
	}

	if err := w.cfg.Media.Delete(ctx, reportKey(job)); err != nil {
		w.cfg.Log.WarnContext(ctx, "delivered report not removed", "job", job.JobID, "error", err)
	}
	return nil
}

// post sends one callback. Nil means that it was accepted and must not be repeated.
func (c *callbackClient) post(ctx context.Context, body []byte, timeout time.Duration) error {
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
	content, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("callback: the response is %s", resp.Status)
	}
	var received struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(content, &received) == nil && received.Error != "" {
		c.cfg.Log.WarnContext(ctx, "callback accepted but ignored", "error", received.Error)
	}
	return nil
}

// aliveEvery is how often a job reports although its state has not changed.
const aliveEvery = time.Minute

// progress reports the progress of a job in the background: the latest state only, one
// request at a time, without retries. It does not go back behind what was known when the job
// was claimed.
type progress struct {
	callbacks *callbackClient
	job       *job

	mu      sync.Mutex
	step    string
	percent int
	changed bool
	posted  time.Time

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// follow reports the progress of a job until [progress.stop].
func (c *callbackClient) follow(ctx context.Context, job *job) *progress {
	ctx, cancel := context.WithCancel(ctx)
	p := &progress{callbacks: c, job: job, cancel: cancel}
	p.done.Go(func() {
		repeat(ctx, c.cfg.ProgressEvery, func() { p.post(ctx, c.cfg.Now().Add(-aliveEvery)) })
	})
	return p
}

// set changes the state. It does not block.
func (p *progress) set(step string, percent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	percent = max(percent, p.percent, p.job.known)
	if step != p.step || percent != p.percent {
		p.step = step
		p.percent = percent
		p.changed = true
	}
}

// latest returns the state, when it has changed since the last call, or was last reported before
// a time.
func (p *progress) latest(before time.Time) (step string, percent int, due bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due = p.changed || p.step != "" && p.posted.Before(before)
	p.changed = false
	if due {
		p.posted = p.callbacks.cfg.Now()
	}
	return p.step, p.percent, due
}

// post reports the state if it has changed, or was last reported before a time.
func (p *progress) post(ctx context.Context, before time.Time) {
	step, percent, due := p.latest(before)
	if !due {
		return
	}
	now := p.callbacks.cfg.Now()
	body, err := json.Marshal(media.Callback{
		Status:   media.CallbackProgress,
		JobID:    p.job.JobID,
		MediaID:  p.job.MediaID,
		Progress: &percent,
		Step:     step,
		SentAt:   &now,
	})
	if err == nil {
		err = p.callbacks.post(ctx, body, progressTimeout)
	}
	if err != nil && ctx.Err() == nil {
		p.callbacks.cfg.Log.DebugContext(ctx, "progress not reported", "job", p.job.JobID, "error", err)
	}
}

// stop ends the reports and waits for the request in flight.
func (p *progress) stop() {
	p.cancel()
	p.done.Wait()
}
