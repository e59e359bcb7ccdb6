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
	// responseLimit is more than any response of the API has.
	responseLimit = 8 << 20
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
	return &client{
		base: strings.TrimRight(base, "/"),
		http: &http.Client{Jar: jar, Timeout: requestLimit, CheckRedirect: stay},
	}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// stayUnlessPlaying follows a redirect as players do: with the range of a file.
func stayUnlessPlaying(_ *http.Request, via []*http.Request) error {
	if via[0].Header.Get("Range") != "" {
		return nil
	}
	return http.ErrUseLastResponse
}

// response is an HTTP response whose body has been read.
type response struct {
	asked  string // method and path
	status int
	header http.Header
	body   []byte
}

// call sends body as JSON, or nothing when it is nil. Path may be a whole URL.
func (c *client) call(ctx context.Context, method, path string, body any) (response, error) {
	if body == nil {
		return c.send(ctx, method, path, "", nil)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return response{}, fmt.Errorf("encode the body of %s %s: %w", method, path, err)
	}
	return c.send(ctx, method, path, "application/json", bytes.NewReader(encoded))
}

func (c *client) send(ctx context.Context, method, path, contentType string, body io.Reader) (response, error) {
	address := path
	if strings.HasPrefix(path, "/") {
		address = c.base + path
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return response{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.http.Jar != nil && len(c.http.Jar.Cookies(req.URL)) > 0 {
		req.Header.Set("Origin", c.base)
	}
	return c.do(req)
}

func (c *client) do(req *http.Request) (response, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	a := response{asked: req.Method + " " + req.URL.Path, status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(io.LimitReader(res.Body, responseLimit)); err != nil {
		return a, fmt.Errorf("read the response to %s: %w", a.asked, err)
	}
	return a, nil
}

// must is call, and fails unless the response has the status.
func (c *client) must(ctx context.Context, status int, method, path string, body any) (response, error) {
	a, err := c.call(ctx, method, path, body)
	if err != nil {
		return a, err
	}
	return a, a.expect(status)
}

// expect fails unless the response has the status.
func (a response) expect(status int) error {
	if a.status == status {
		return nil
	}
	return differs(fmt.Sprintf("%d from %s", status, a.asked), "%s", a.summary())
}

// accessDenied is the code of content that has to be paid for first.
const accessDenied = "ACCESS_DENIED"

// errorBody is the body of every error.
type errorBody struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (a response) failure() errorBody {
	var e errorBody
	_ = json.Unmarshal(a.body, &e) // what is no error has no code
	return e
}

// expectDenied fails unless the response says that the caller has no access.
func (a response) expectDenied() error {
	if a.status == http.StatusForbidden && a.failure().Error.Code == accessDenied {
		return nil
	}
	return differs("403 "+accessDenied+" from "+a.asked, "%s", a.summary())
}

// summary is the response in a line.
func (a response) summary() string {
	if e := a.failure().Error; e.Code != "" {
		return fmt.Sprintf("%d %s (%s)", a.status, e.Code, e.Message)
	}
	text := strings.Join(strings.Fields(string(a.body)), " ")
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, text))
}

// one reads the envelope of a single resource, {"data": …}.
func one[T any](a response) (T, error) {
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
func many[T any](a response) ([]T, error) {
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
