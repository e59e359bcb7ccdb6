package domain

import (
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

// Check returns the fields of a request that break the limits declared in its
// jsonschema tags. The published description is made from the same tags, so a limit
// stands in one place. Understood are
//
//	required  minLength maxLength  minimum maximum  minItems maxItems
//	enum (repeated)  pattern  format (uuid, uri, email, date-time)
//
// and, for lists, the same with an each tag for every item. Lengths count
// characters. A field that is absent, null or the zero of an omitempty field is
// checked for nothing but required. The tag rule replaces the message of pattern.
//
//	Tags []string `json:"tags,omitempty" jsonschema:"maxItems=20" each:"minLength=1,maxLength=50"`
func Check(request any) []Field {
	var bad []Field
	checkStruct(&bad, "", reflect.Indirect(reflect.ValueOf(request)))
	return bad
}

// limits are the parsed tags of one field.
type limits struct {
	required             bool
	minLength, maxLength int
	minimum, maximum     *float64
	minItems, maxItems   int
	enum                 []string
	pattern              *regexp.Regexp
	format, patternRule  string
}

// field is one field of a request type.
type field struct {
	index     int
	name      string
	omitempty bool
	own, each *limits
}

var checked sync.Map // reflect.Type → []field

func fieldsOf(t reflect.Type) []field {
	if known, ok := checked.Load(t); ok {
		return known.([]field)
	}
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" && !f.Anonymous {
			name = f.Name
		}
		list = append(list, field{
			index: i, name: name, omitempty: strings.Contains(options, "omitempty"),
			own: parseLimits(f.Tag.Get("jsonschema"), f.Tag.Get("rule")), each: parseLimits(f.Tag.Get("each"), f.Tag.Get("rule")),
		})
	}
	checked.Store(t, list)
	return list
}

func parseLimits(tag, rule string) *limits {
	l := &limits{maxLength: -1, maxItems: -1, patternRule: rule}
	for part := range strings.SplitSeq(tag, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "required":
			l.required = true
		case "minLength":
			l.minLength = number(value)
		case "maxLength":
			l.maxLength = number(value)
		case "minItems":
			l.minItems = number(value)
		case "maxItems":
			l.maxItems = number(value)
		case "minimum":
			n := float64(number(value))
			l.minimum = &n
		case "maximum":
			n := float64(number(value))
			l.maximum = &n
		case "enum":
			l.enum = append(l.enum, value)
		case "pattern":
			l.pattern = regexp.MustCompile(value)
		case "format":
			l.format = value
		}
	}
	return l
}

// number reads a number of a tag; a tag that is wrong fails the first test that
// checks its type.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("domain: bad limit " + strconv.Quote(s))
	}
	return n
}

func checkStruct(bad *[]Field, prefix string, v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		if f.name == "" { // embedded: its fields are the outer one's
			checkStruct(bad, prefix, reflect.Indirect(v.Field(f.index)))
			continue
		}
		checkValue(bad, prefix+f.name, f, v.Field(f.index))
	}
}

func checkValue(bad *[]Field, path string, f field, v reflect.Value) {
	absent := f.omitempty && v.IsZero()
	if o, ok := v.Interface().(interface{ Inner() any }); ok {
		v = reflect.ValueOf(o.Inner())
		absent = !v.IsValid()
	}
	for !absent && v.Kind() == reflect.Pointer {
		absent = v.IsNil()
		v = v.Elem()
	}
	if absent || !v.IsValid() {
		if f.own.required {
			*bad = append(*bad, Field{Path: path, Message: "is required"})
		}
		return
	}
	f.own.check(bad, path, v)
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
				f.each.check(bad, at, item)
			}
		}
	}
}

func (l *limits) check(bad *[]Field, path string, v reflect.Value) {
	message := ""
	switch v.Kind() {
	case reflect.String:
		message = l.text(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		message = l.numeric(float64(v.Int()))
	case reflect.Float32, reflect.Float64:
		message = l.numeric(v.Float())
	case reflect.Slice, reflect.Map:
		message = between(v.Len(), l.minItems, l.maxItems, "entries")
	default: // a bool or a struct has no limits of its own
	}
	if message != "" {
		*bad = append(*bad, Field{Path: path, Message: message})
	}
}

func (l *limits) text(s string) string {
	if l.required && s == "" {
		return "is required"
	}
	if message := between(utf8.RuneCountInString(s), l.minLength, l.maxLength, "characters"); message != "" {
		return message
	}
	if len(l.enum) > 0 && !slices.Contains(l.enum, s) {
		return "must be " + oneOf(l.enum)
	}
	if l.pattern != nil && !l.pattern.MatchString(s) {
		if l.patternRule != "" {
			return l.patternRule
		}
		return "must match " + l.pattern.String()
	}
	return formats[l.format].message(s)
}

func (l *limits) numeric(n float64) string {
	low, high := l.minimum != nil, l.maximum != nil
	switch {
	case (!low || n >= *l.minimum) && (!high || n <= *l.maximum):
		return ""
	case low && high:
		return fmt.Sprintf("must be from %.0f to %.0f", *l.minimum, *l.maximum)
	case low:
		return fmt.Sprintf("must be at least %.0f", *l.minimum)
	default:
		return fmt.Sprintf("must be at most %.0f", *l.maximum)
	}
}

// between says what is wrong with a count; high -1 is no upper limit.
func between(n, low, high int, what string) string {
	switch {
	case n >= low && (high < 0 || n <= high):
		return ""
	case high < 0:
		return fmt.Sprintf("must have at least %d %s", low, what)
	case low == 0:
		return fmt.Sprintf("must have at most %d %s", high, what)
	default:
		return fmt.Sprintf("must have %d to %d %s", low, high, what)
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
