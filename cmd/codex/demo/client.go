package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

const (
	// requestLimit bounds one request; the platform itself answers or says 202
	// within 10 s.
	requestLimit = 30 * time.Second
	// answerLimit is more than any answer of the API has.
	answerLimit = 8 << 20
	// pollEvery is the pause between two looks at something that will come true.
	pollEvery = 5 * time.Millisecond
	// soon is how long something may take that should happen at once.
	soon = 10 * time.Second
)

// client speaks to one server as a browser would: it keeps cookies. It follows no
// redirect, because where one leads is part of what is checked.
type client struct {
	base string
	http *http.Client
}

func newClient(base string) *client {
	jar, _ := cookiejar.New(nil) // cannot fail without options
	return &client{base: strings.TrimRight(base, "/"), http: &http.Client{Jar: jar, Timeout: requestLimit, CheckRedirect: stay}}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// answer is a response whose body has been read.
type answer struct {
	asked  string // method and path
	status int
	header http.Header
	body   []byte
}

// call sends body as JSON, or nothing when it is nil. Path may be a whole URL.
func (c *client) call(ctx context.Context, method, path string, body any) (answer, error) {
	if body == nil {
		return c.send(ctx, method, path, "", nil)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return answer{}, fmt.Errorf("encode the body of %s %s: %w", method, path, err)
	}
	return c.send(ctx, method, path, "application/json", bytes.NewReader(encoded))
}

func (c *client) send(ctx context.Context, method, path, contentType string, body io.Reader) (answer, error) {
	address := path
	if strings.HasPrefix(path, "/") {
		address = c.base + path
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.http.Jar != nil && len(c.http.Jar.Cookies(req.URL)) > 0 {
		req.Header.Set("Origin", c.base)
	}
	return c.do(req)
}

func (c *client) do(req *http.Request) (answer, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	a := answer{asked: req.Method + " " + req.URL.Path, status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(io.LimitReader(res.Body, answerLimit)); err != nil {
		return a, fmt.Errorf("read the answer to %s: %w", a.asked, err)
	}
	return a, nil
}

// must is call for an answer that has to have a status.
func (c *client) must(ctx context.Context, status int, method, path string, body any) (answer, error) {
	a, err := c.call(ctx, method, path, body)
	if err != nil {
		return a, err
	}
	return a, a.expect(status)
}

// expect fails unless the answer has the status.
func (a answer) expect(status int) error {
	if a.status == status {
		return nil
	}
	return differs(fmt.Sprintf("%d from %s", status, a.asked), "%s", a.summary())
}

// accessDenied is the code of what one would have to pay for.
const accessDenied = "ACCESS_DENIED"

// refusal is the body of every refused request.
type refusal struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (a answer) refusal() refusal {
	var r refusal
	_ = json.Unmarshal(a.body, &r) // what is no refusal has no code
	return r
}

// expectDenied fails unless the answer says that the asker has no access.
func (a answer) expectDenied() error {
	if a.status == http.StatusForbidden && a.refusal().Error.Code == accessDenied {
		return nil
	}
	return differs("403 "+accessDenied+" from "+a.asked, "%s", a.summary())
}

// summary is the answer in a line.
func (a answer) summary() string {
	if r := a.refusal().Error; r.Code != "" {
		return fmt.Sprintf("%d %s (%s)", a.status, r.Code, r.Message)
	}
	text := strings.Join(strings.Fields(string(a.body)), " ")
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, text))
}

// one reads the envelope of a single resource, {"data": …}.
func one[T any](a answer) (T, error) {
	var envelope struct {
		Data *T `json:"data"`
	}
	if err := json.Unmarshal(a.body, &envelope); err != nil || envelope.Data == nil {
		var zero T
		return zero, differs("{\"data\": …} from "+a.asked, "%s", a.summary())
	}
	return *envelope.Data, nil
}

// many reads the envelope of a list, {"items": […], "pagination": {…}}.
func many[T any](a answer) ([]T, error) {
	var envelope struct {
		Items *[]T `json:"items"`
	}
	if err := json.Unmarshal(a.body, &envelope); err != nil || envelope.Items == nil {
		return nil, differs("{\"items\": […]} from "+a.asked, "%s", a.summary())
	}
	return *envelope.Items, nil
}

// until polls a condition; it fails when limit is over, with what was seen last.
func until(ctx context.Context, limit time.Duration, ask func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := time.NewTicker(pollEvery)
	defer pause.Stop()
	var last error
	for {
		done, err := ask(ctx)
		if done {
			return err
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if last == nil {
				last = ctx.Err()
			}
			return fmt.Errorf("not within %s: %w", duration(limit), last)
		case <-pause.C:
		}
	}
}

// origin is the scheme and host of a URL.
func origin(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", differs("an absolute URL", "%q", address)
	}
	return u.Scheme + "://" + u.Host, nil
}
