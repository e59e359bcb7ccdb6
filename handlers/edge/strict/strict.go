// Package strict reads JSON from strangers: one document, every field known and given
// once, nothing that a database or a reader would choke on.
package strict

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/codex-platform/codex/domain"
)

// Limits on the shape of a document, over and above its size.
const (
	maxDepth  = 32
	maxTokens = 20_000
	// maxFaults bounds the fields that an error names.
	maxFaults = 20
)

// NewError returns the error about the value at a path of a document.
func NewError(path, message string) *domain.Error {
	return &domain.Error{
		Class: domain.Invalid, Message: "Invalid request data",
		Fields: []domain.Field{{Path: path, Message: message}},
	}
}

// Decode decodes one document into target. The error names the paths of all fields at fault,
// maxFaults at most; target then has what the others say, so that its own rules can be
// checked as well (see [Readable]). Package json rejects duplicate names, names in the wrong
// case, invalid UTF-8 and trailing data; Inspect rejects the rest.
func Decode(body []byte, target any) error {
	var faults error
	if err := Inspect(body); err != nil {
		if !Readable(err) {
			return err
		}
		faults = err
	}
	return join(faults, decode(body, target))
}

// decode reads a document without those values that are unknown or of the wrong type.
func decode(body []byte, target any) error {
	var faults []domain.Field
	for {
		err := json.Unmarshal(body, target, json.RejectUnknownMembers(true))
		if err == nil {
			return domain.BadFields(faults)
		}
		var semantic *json.SemanticError
		if !errors.As(err, &semantic) {
			var syntactic *jsontext.SyntacticError
			if errors.As(err, &syntactic) {
				return unreadable(Path(syntactic.JSONPointer), "is not well-formed JSON")
			}
			return unreadable("", "is not acceptable JSON")
		}
		fault := domain.Field{Path: Path(semantic.JSONPointer), Message: "must be " + kindOf(semantic.GoType)}
		if errors.Is(err, json.ErrUnknownName) {
			fault.Message = "is not a known field"
		}
		faults = append(faults, fault)
		rest, ok := without(body, semantic.JSONPointer)
		if !ok || len(faults) == maxFaults {
			return domain.BadFields(faults)
		}
		body = rest
		reflect.ValueOf(target).Elem().SetZero()
	}
}

// without returns a document without the value at a path: a member is left out, an element
// becomes null.
func without(body []byte, at jsontext.Pointer) ([]byte, bool) {
	if at == "" {
		return nil, false
	}
	var out bytes.Buffer
	dec, enc := jsontext.NewDecoder(bytes.NewReader(body)), jsontext.NewEncoder(&out)
	found := false
	for {
		kind := dec.PeekKind()
		index, length := dec.StackIndex(dec.StackDepth())
		isName := index == '{' && length%2 == 0 && kind == '"'
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return out.Bytes(), found
		}
		if err != nil {
			return nil, false
		}
		if dec.StackPointer() != at || found {
			if enc.WriteToken(token) != nil {
				return nil, false
			}
			continue
		}
		// Found: a name, whose value follows, or an element.
		found = true
		if isName {
			if dec.SkipValue() != nil {
				return nil, false
			}
			continue
		}
		for depth := dec.StackDepth(); (token.Kind() == '{' || token.Kind() == '[') && dec.StackDepth() >= depth; {
			if _, err := dec.ReadToken(); err != nil {
				return nil, false
			}
		}
		if enc.WriteToken(jsontext.Null) != nil {
			return nil, false
		}
	}
}

// Inspect walks the tokens of a document and bounds depth and number. It rejects all
// strings that the database or a reader would choke on.
func Inspect(body []byte) error {
	var faults []domain.Field
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	for n := 0; ; n++ {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return domain.BadFields(faults)
		}
		if err != nil {
			var syntactic *jsontext.SyntacticError
			if errors.As(err, &syntactic) {
				if errors.Is(err, jsontext.ErrDuplicateName) {
					return unreadable(Path(syntactic.JSONPointer), "is given twice")
				}
				return unreadable(Path(syntactic.JSONPointer), "is not well-formed JSON")
			}
			return unreadable("", "is not well-formed JSON")
		}
		if n > maxTokens || dec.StackDepth() > maxDepth {
			return unreadable("", "is too deep or too long")
		}
		if token.Kind() == '"' && len(faults) < maxFaults {
			if message := BadText(token.String()); message != "" {
				faults = append(faults, domain.Field{Path: Path(dec.StackPointer()), Message: message})
			}
		}
	}
}

// unreadableError is the error about a document of which nothing can be read.
type unreadableError struct{ cause *domain.Error }

// Error implements error.
func (e unreadableError) Error() string { return e.cause.Error() }

// Unwrap returns the error for clients.
func (e unreadableError) Unwrap() error { return e.cause }

func unreadable(path, message string) error { return unreadableError{NewError(path, message)} }

// Readable reports whether an error of [Decode] is about single fields: the others were read.
func Readable(err error) bool {
	var whole unreadableError
	return !errors.As(err, &whole)
}

// join returns the error about the fields of both; that about the whole document wins.
func join(a, b error) error {
	first, _ := domain.AsError(a)
	second, _ := domain.AsError(b)
	switch {
	case a == nil || !Readable(b):
		return b
	case b == nil:
		return a
	}
	return domain.BadFields(domain.MergeFields(first.Fields, second.Fields))
}

// BadText returns why a string is invalid in every field, or "".
func BadText(s string) string {
	for _, r := range s {
		switch {
		case r == 0:
			return "must not contain the NUL character"
		case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return "must not contain bidirectional overrides"
		case unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t':
			return "must not contain control characters"
		}
	}
	return ""
}

// Path turns a JSON pointer into the path that details show.
func Path(pointer jsontext.Pointer) string {
	var parts []string
	for part := range pointer.Tokens() {
		parts = append(parts, part)
	}
	return strings.Join(parts, ".")
}

func kindOf(t reflect.Type) string {
	if t == nil {
		return "of another type"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}

// Storable returns why a document from another program cannot be stored, or nil. Unlike
// [Inspect] it accepts whatever a database accepts: unknown, repeated and deep fields, and
// every character but NUL. Invalid UTF-8 and lone surrogates are no characters.
func Storable(body []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	for {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return NewError("", "is not well-formed JSON")
		}
		if token.Kind() == '"' && strings.ContainsRune(token.String(), 0) {
			return NewError(Path(dec.StackPointer()), "must not contain the NUL character")
		}
	}
}
