package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/google/uuid"
)

const (
	// attemptLimit is longer than an edge waits for an outcome before it answers 202.
	attemptLimit = 15 * time.Second
	// operationLimit is how long a client goes on with one operation.
	operationLimit = 60 * time.Second
	firstPause     = 100 * time.Millisecond
	longestPause   = time.Second
	// responseLimit is more than any response has.
	responseLimit = 4 << 20
)

// keySpace is the name space in which actor and Idempotency-Key name a command; see package
// handlers/edge.
var keySpace = uuid.MustParse("6f1f2a52-8e0c-5d0e-9b57-0f6e9d2f4c11")

// account is a signed-in user, and a client that does not give up.
type account struct {
	id      string
	cookie  string
	base    string
	http    *http.Client
	journal *journal
}

// call is one operation.
type call struct {
	kind    kind
	method  string
	path    string
	body    any
	key     string
	subject string
	// raw replaces the JSON of body.
	raw string
	// attempt replaces attemptLimit.
	attempt time.Duration
	// value reads the journal's number from a response.
	value func(response) int64
}

// response is an answer that was read to its end.
type response struct {
	status   int
	location string
	body     []byte
}

// data reads {"data": …} into a value; a body of another form leaves it as it is.
func (r response) data(into any) {
	_ = json.Unmarshal(r.body, &struct {
		Data any `json:"data"`
	}{into})
}

func (r response) id() string {
	var resource struct{ ID string }
	r.data(&resource)
	return resource.ID
}

func (r response) String() string { return fmt.Sprintf("%d %.200s", r.status, r.body) }

var errUnanswered = errors.New("no answer")

// do sends a call until it has an answer: with the same key, after a pause, as long as
// there is no connection, no response or a 5xx. A 202 is followed to its outcome.
func (a *account) do(ctx context.Context, c call) (response, error) {
	bounded, cancel := context.WithTimeout(ctx, operationLimit)
	defer cancel()
	operation := uuid.NewString()
	pause := firstPause
	for {
		r, err := a.try(bounded, c, operation)
		switch {
		case err == nil && r.status == http.StatusAccepted:
			if a.finished(bounded, r.location, c.kind) {
				continue // the same request now has the outcome as its response
			}
		case err == nil && r.status < 500 && r.status != http.StatusTooManyRequests:
			return r, nil
		}
		select {
		case <-bounded.Done():
			if ctx.Err() == nil && c.kind != kindProbe {
				a.journal.unanswered()
			}
			return r, fmt.Errorf("%s %s: %w (%s)", c.method, c.path, errUnanswered, r)
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // jitter
		}
		pause = min(2*pause, longestPause)
	}
}

// finished waits until an accepted command has its outcome.
func (a *account) finished(ctx context.Context, location string, of kind) bool {
	pause := 50 * time.Millisecond
	kind := kindOutcome
	if of == kindProbe {
		kind = kindProbe
	}
	for ctx.Err() == nil {
		r, err := a.try(ctx, call{kind: kind, method: http.MethodGet, path: location}, uuid.NewString())
		var state struct{ Status string }
		r.data(&state)
		if err == nil && r.status == http.StatusOK && state.Status != "accepted" {
			return true
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
	return false
}

// try sends a call once and journals it.
func (a *account) try(ctx context.Context, c call, operation string) (response, error) {
	limit := c.attempt
	if limit == 0 {
		limit = attemptLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	body := []byte(c.raw)
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			return response{}, err
		}
	}
	hash := sha256.Sum256([]byte(c.method + " " + c.path + "\n" + string(body)))
	row := attempt{
		Operation: operation,
		Kind:      c.kind,
		Actor:     a.id,
		Key:       c.key,
		Payload:   hex.EncodeToString(hash[:]),
		Subject:   c.subject,
		Started:   time.Now(),
	}
	if c.key != "" {
		row.Command = uuid.NewSHA1(keySpace, []byte(a.id+"\x00"+c.key)).String()
	}
	r, err := a.send(ctx, c, body)
	row.Ended = time.Now()
	if err == nil {
		row.Status, row.Resource = r.status, r.id()
		if c.value != nil {
			row.Value = c.value(r)
		}
	}
	a.journal.add(row)
	return r, err
}

func (a *account) send(ctx context.Context, c call, body []byte) (response, error) {
	request, err := http.NewRequestWithContext(ctx, c.method, a.base+c.path, bytes.NewReader(body))
	if err != nil {
		return response{}, err
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		request.Header.Set("Idempotency-Key", c.key)
	}
	if a.cookie != "" {
		request.Header.Set("Cookie", a.cookie)
		request.Header.Set("Origin", a.base)
	}
	answer, err := a.http.Do(request)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	r := response{status: answer.StatusCode, location: answer.Header.Get("Location")}
	if r.body, err = io.ReadAll(io.LimitReader(answer.Body, responseLimit)); err != nil {
		return response{}, err
	}
	if c.kind == kindRegister {
		for _, cookie := range answer.Cookies() {
			if cookie.Value != "" {
				a.cookie = cookie.Name + "=" + cookie.Value
			}
		}
	}
	return r, nil
}

// register makes a verified account and signs it in; development has a route for that.
func register(ctx context.Context, base, name, role string, client *http.Client, j *journal) (*account, error) {
	a := &account{base: base, http: client, journal: j}
	r, err := a.do(ctx, call{
		kind:   kindRegister,
		method: http.MethodPost,
		path:   "/api/test/fast-register",
		body: map[string]string{
			"name":     name,
			"email":    name + "@example.com",
			"password": "a quiet winter river",
			"role":     role,
		},
	})
	if err != nil {
		return nil, err
	}
	var signedIn struct{ User struct{ ID string } }
	if err := json.Unmarshal(r.body, &signedIn); err != nil || signedIn.User.ID == "" || a.cookie == "" {
		return nil, fmt.Errorf("sign up %s: %s", name, r)
	}
	a.id = signedIn.User.ID
	return a, nil
}

// tone is a WAV file: a second of 440 Hz, mono, 16 bits.
func tone() []byte {
	const rate, pitch = 8000, 440
	samples := make([]int16, rate)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*pitch*float64(i)/rate))
	}
	size := uint32(2 * len(samples))
	var file bytes.Buffer
	for _, part := range []any{
		[]byte("RIFF"), 36 + size, []byte("WAVEfmt "),
		uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16),
		[]byte("data"), size, samples,
	} {
		_ = binary.Write(&file, binary.LittleEndian, part) // a buffer and fixed sizes: cannot fail
	}
	return file.Bytes()
}
