package stripe

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// params reads a form-encoded request in Stripe's notation, a[b][0]=c. It records which
// fields were read, so that done can reject the others like Stripe, and keeps the first
// error, so that a handler reads all its fields before it checks.
type params struct {
	values url.Values
	used   map[string]bool
	fault  *apiError
}

func newParams(values url.Values) *params {
	return &params{values: values, used: map[string]bool{}}
}

func (p *params) fail(e *apiError) {
	if p.fault == nil {
		p.fault = e
	}
}

// has reports whether a field, or a field inside it, was sent.
func (p *params) has(name string) bool {
	for key := range p.values {
		if key == name || strings.HasPrefix(key, name+"[") {
			return true
		}
	}
	return false
}

func (p *params) text(name string) string {
	p.used[name] = true
	return p.values.Get(name)
}

func (p *params) required(name string) string {
	v := p.text(name)
	if v == "" {
		p.fail(missing(name))
	}
	return v
}

// limited is text of at most limit characters.
func (p *params) limited(name string, limit int) string {
	v := p.text(name)
	if len([]rune(v)) > limit {
		p.fail(invalid(name, fmt.Sprintf("Invalid string: must be at most %d characters", limit)))
	}
	return v
}

// integer returns fallback for a field that was not sent.
func (p *params) integer(name string, fallback int64) int64 {
	v := p.text(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		e := invalid(name, "Invalid integer: "+v)
		e.Code = "parameter_invalid_integer"
		p.fail(e)
		return fallback
	}
	return n
}

// list reads name[]=a&name[]=b and name[0]=a&name[1]=b.
func (p *params) list(name string) []string {
	out := append([]string(nil), p.values[name+"[]"]...)
	p.used[name+"[]"] = true
	for i := 0; ; i++ {
		key := name + "[" + strconv.Itoa(i) + "]"
		v, ok := p.values[key]
		if !ok {
			return out
		}
		p.used[key] = true
		out = append(out, v...)
	}
}

// metadata reads name[key]=value within Stripe's limits: 50 pairs, keys to 40 and values to
// 500 characters.
func (p *params) metadata(name string) map[string]string {
	out := map[string]string{}
	for field := range p.values {
		key, inside := strings.CutPrefix(field, name+"[")
		if !inside || !strings.HasSuffix(key, "]") {
			continue
		}
		p.used[field] = true
		key = strings.TrimSuffix(key, "]")
		value := p.values.Get(field)
		switch {
		case len([]rune(key)) > 40:
			p.fail(invalid(name, "Metadata keys must be at most 40 characters"))
		case len([]rune(value)) > 500:
			p.fail(invalid(name, "Metadata values must be at most 500 characters"))
		case value != "": // an empty value removes a key
			out[key] = value
		}
	}
	if len(out) > 50 {
		p.fail(invalid(name, "You can have at most 50 metadata keys"))
	}
	return out
}

// ignore accepts fields, and everything inside them, that change nothing here.
func (p *params) ignore(names ...string) {
	for key := range p.values {
		for _, name := range names {
			if key == name || strings.HasPrefix(key, name+"[") {
				p.used[key] = true
			}
		}
	}
}

// done returns the first error, or one about an unknown parameter.
func (p *params) done() error {
	if p.fault != nil {
		return p.fault
	}
	var unknown []string
	for key := range p.values {
		if !p.used[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	sort.Strings(unknown)
	message := "Received unknown parameter: " + unknown[0]
	if len(unknown) > 1 {
		message = "Received unknown parameters: " + strings.Join(unknown, ", ")
	}
	return &apiError{
		Status:  400,
		Type:    "invalid_request_error",
		Code:    "parameter_unknown",
		Param:   unknown[0],
		Message: message,
	}
}

// span is a created filter: created=5 or created[gte]=5 and the like.
type span struct{ from, to int64 } // both inclusive; to 0 means open

func (r *request) created() span {
	var out span
	if exact := r.integer("created", 0); exact != 0 {
		return span{exact, exact}
	}
	out.from = max(r.integer("created[gte]", 0), r.integer("created[gt]", -1)+1)
	out.to = r.integer("created[lte]", 0)
	if lt := r.integer("created[lt]", 0); lt != 0 && (out.to == 0 || lt-1 < out.to) {
		out.to = lt - 1
	}
	return out
}

func (s span) holds(at int64) bool { return at >= s.from && (s.to == 0 || at <= s.to) }

// retrieve returns the object of a table that the request names by its id.
func retrieve[T any](r *request, from *table[T], kind, param string, show func(T) obj) (any, error) {
	if err := r.done(); err != nil {
		return nil, err
	}
	row, known := from.get(r.target())
	if !known {
		return nil, unknown(http.StatusNotFound, kind, r.target(), param)
	}
	return show(row), nil
}

// page is one page of a list, newest first, after or before a cursor.
func page[T any](r *request, in *table[T], keep func(T) bool, show func(T) any) (any, error) {
	limit := int(r.integer("limit", 10))
	after, before := r.text("starting_after"), r.text("ending_before")
	if limit < 1 || limit > 100 {
		r.fail(invalid("limit", "Invalid limit: must be between 1 and 100, not "+strconv.Itoa(limit)))
	}
	if after != "" && before != "" {
		r.fail(invalid("starting_after", "Received both starting_after and ending_before parameters."))
	}
	for name, cursor := range map[string]string{"starting_after": after, "ending_before": before} {
		if _, known := in.at[cursor]; cursor != "" && !known {
			r.fail(unknown(400, in.kind, cursor, name))
		}
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	at, step := len(in.order)-1, -1
	switch {
	case after != "":
		at = in.at[after] - 1
	case before != "":
		at, step = in.at[before]+1, 1
	}
	var data []any
	more := false
	for ; at >= 0 && at < len(in.order); at += step {
		row := in.rows[in.order[at]]
		if !keep(row) {
			continue
		}
		if len(data) == limit {
			more = true
			break
		}
		data = append(data, show(row))
	}
	if step > 0 {
		slices.Reverse(data)
	}
	return listOf(r.http.URL.Path, more, data), nil
}

// apiError is an error of Stripe's API.
type apiError struct {
	Status      int
	Type        string
	Code        string
	DeclineCode string
	Param       string
	Message     string
	// kept: the request had begun to execute, so its idempotency key keeps the response.
	// Invalid requests leave no trace.
	kept bool
}

func (e *apiError) Error() string { return e.Message }

func (e *apiError) body(requestID string) map[string]any {
	inner := map[string]any{"type": e.Type, "message": e.Message}
	if e.Code != "" {
		inner["code"] = e.Code
		inner["doc_url"] = "https://stripe.com/docs/error-codes/" + dashes(e.Code)
	}
	if e.DeclineCode != "" {
		inner["decline_code"] = e.DeclineCode
	}
	if e.Param != "" {
		inner["param"] = e.Param
	}
	if requestID != "" {
		inner["request_log_url"] = "https://dashboard.stripe.com/test/logs/" + requestID
	}
	return map[string]any{"error": inner}
}

func dashes(code string) string {
	out := []byte(code)
	for i, c := range out {
		if c == '_' {
			out[i] = '-'
		}
	}
	return string(out)
}

func invalid(param, message string) *apiError {
	return &apiError{
		Status:  http.StatusBadRequest,
		Type:    "invalid_request_error",
		Param:   param,
		Message: message,
	}
}

func missing(param string) *apiError {
	e := invalid(param, "Missing required param: "+param+".")
	e.Code = "parameter_missing"
	return e
}

// unknown is the error about an object that does not exist: 404 when it is in the path, 400
// when it is a parameter.
func unknown(status int, kind, id, param string) *apiError {
	return &apiError{
		Status:  status,
		Type:    "invalid_request_error",
		Code:    "resource_missing",
		Param:   param,
		Message: "No such " + kind + ": '" + id + "'",
	}
}

// rejected is an error found while executing: the idempotency key keeps it.
func rejected(code, param, message string) *apiError {
	return &apiError{
		Status:  http.StatusBadRequest,
		Type:    "invalid_request_error",
		Code:    code,
		Param:   param,
		Message: message,
		kept:    true,
	}
}

func internalError() *apiError {
	return &apiError{
		Status:  http.StatusInternalServerError,
		Type:    "api_error",
		kept:    true,
		Message: "An unknown error occurred.",
	}
}

func rateLimited() *apiError {
	return &apiError{
		Status:  http.StatusTooManyRequests,
		Type:    "invalid_request_error",
		Code:    "rate_limit",
		Message: "Request rate limit exceeded.",
	}
}
