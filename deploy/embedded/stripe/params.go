package stripe

import (
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

// params reads a form-encoded request in Stripe's notation, a[b][0]=c. It remembers which
// fields were asked for, so that done can refuse the others as Stripe does, and keeps the
// first error, so that a handler reads all its fields before it asks.
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

// integer answers fallback for a field that was not sent.
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

// done answers the first error, or one about an unknown parameter.
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
	return &apiError{
		Status:  400,
		Type:    "invalid_request_error",
		Code:    "parameter_unknown",
		Param:   unknown[0],
		Message: "Received unknown parameter: " + unknown[0],
	}
}
