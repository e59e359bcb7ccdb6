package domain

import (
	"cmp"
	"fmt"
	"net/mail"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Check returns the fields of a request that break the limits declared in its tags; see
// [Limits] and [Property]. The published description is made from the same tags, so a
// limit stands in one place. A field that is absent, null or the zero of an omitted one
// is checked for nothing but required. The tag rule replaces the message of pattern.
//
//	Tags []string `json:"tags,omitempty" jsonschema:"maxItems=20" each:"minLength=1,maxLength=50"`
func Check(request any) []Field {
	var bad []Field
	checkStruct(&bad, "", reflect.Indirect(reflect.ValueOf(request)))
	return bad
}

// checkStruct checks the fields of a struct; a nil pointer has none.
func checkStruct(bad *[]Field, prefix string, v reflect.Value) {
	if !v.IsValid() {
		return
	}
	for _, p := range PropertiesOf(v.Type()) {
		if p.Name == "" { // embedded: its fields are the outer one's
			checkStruct(bad, prefix, reflect.Indirect(v.Field(p.Index)))
			continue
		}
		checkValue(bad, prefix+p.Name, p, v.Field(p.Index))
	}
}

func checkValue(bad *[]Field, path string, p Property, v reflect.Value) {
	absent := p.Omitted && v.IsZero()
	if o, ok := v.Interface().(interface{ Inner() any }); ok {
		v = reflect.ValueOf(o.Inner())
		absent = !v.IsValid()
	}
	for !absent && v.Kind() == reflect.Pointer {
		absent = v.IsNil()
		v = v.Elem()
	}
	if absent || !v.IsValid() {
		if p.Limits.Required {
			*bad = append(*bad, Field{Path: path, Message: "is required"})
		}
		return
	}
	p.Limits.check(bad, path, p.Rule, v)
	switch _, isTime := v.Interface().(time.Time); {
	case isTime:
	case v.Kind() == reflect.Struct:
		checkStruct(bad, path+".", v)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			at := path + "." + strconv.Itoa(i)
			if item := reflect.Indirect(v.Index(i)); item.Kind() == reflect.Struct {
				checkStruct(bad, at+".", item)
			} else {
				p.Each.check(bad, at, p.Rule, item)
			}
		}
	}
}

func (l Limits) check(bad *[]Field, path, rule string, v reflect.Value) {
	message := ""
	switch v.Kind() {
	case reflect.String:
		message = l.text(v.String(), rule)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		message = l.numeric(float64(v.Int()))
	case reflect.Float32, reflect.Float64:
		message = l.numeric(v.Float())
	case reflect.Slice, reflect.Map:
		message = between(v.Len(), l.MinItems, l.MaxItems, "entries")
	default: // a bool or a struct has no limits of its own
	}
	if message != "" {
		*bad = append(*bad, Field{Path: path, Message: message})
	}
}

func (l Limits) text(s, rule string) string {
	if l.Required && s == "" {
		return "is required"
	}
	if message := between(utf8.RuneCountInString(s), l.MinLength, l.MaxLength, "characters"); message != "" {
		return message
	}
	if len(l.Enum) > 0 && !slices.Contains(l.Enum, s) {
		return "must be " + oneOf(l.Enum)
	}
	if l.Pattern != "" && !compiled(l.Pattern).MatchString(s) {
		return cmp.Or(rule, "must match "+l.Pattern)
	}
	return formats[l.Format].message(s)
}

var patterns sync.Map // string → *regexp.Regexp

// compiled returns the expression of a pattern; one that is wrong fails the first test
// that checks its type.
func compiled(pattern string) *regexp.Regexp {
	if known, ok := patterns.Load(pattern); ok {
		return known.(*regexp.Regexp)
	}
	expression := regexp.MustCompile(pattern)
	patterns.Store(pattern, expression)
	return expression
}

func (l Limits) numeric(n float64) string {
	tooLow := l.Minimum != nil && n < float64(*l.Minimum)
	tooHigh := l.Maximum != nil && n > float64(*l.Maximum)
	switch {
	case !tooLow && !tooHigh:
		return ""
	case l.Minimum != nil && l.Maximum != nil:
		return fmt.Sprintf("must be from %d to %d", *l.Minimum, *l.Maximum)
	case tooLow:
		return fmt.Sprintf("must be at least %d", *l.Minimum)
	default:
		return fmt.Sprintf("must be at most %d", *l.Maximum)
	}
}

// between says what is wrong with a count; a nil bound is none.
func between(n int, least, most *int, what string) string {
	low := 0
	if least != nil {
		low = *least
	}
	switch {
	case n >= low && (most == nil || n <= *most):
		return ""
	case most == nil:
		return fmt.Sprintf("must have at least %d %s", low, what)
	case low == 0:
		return fmt.Sprintf("must have at most %d %s", *most, what)
	default:
		return fmt.Sprintf("must have %d to %d %s", low, *most, what)
	}
}

func oneOf(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	last := len(values) - 1
	return strings.Join(values[:last], ", ") + " or " + values[last]
}

type format struct {
	valid func(string) bool
	rule  string
}

func (f format) message(s string) string {
	if f.valid == nil || f.valid(s) {
		return ""
	}
	return f.rule
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

var formats = map[string]format{
	"uuid": {uuidForm.MatchString, "must be a UUID"},
	"uri":  {isWebAddress, "must be an http or https address"},
	"email": {func(s string) bool {
		a, err := mail.ParseAddress(s)
		return err == nil && a.Address == s
	}, "must be an e-mail address"},
	"date-time": {func(s string) bool {
		_, err := time.Parse(time.RFC3339, s)
		return err == nil
	}, "must be a time like 2026-01-31T12:00:00Z"},
}

func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}
