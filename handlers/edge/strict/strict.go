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
)

// NewError returns the error about the value at a path of a document.
func NewError(path, message string) *domain.Error {
	return &domain.Error{
		Class: domain.Invalid, Message: "Invalid request data",
		Fields: []domain.Field{{Path: path, Message: message}},
	}
}

// Decode decodes one document into target. An error names the path of the field.
// Package json rejects duplicate names, names in the wrong case, invalid UTF-8 and
// trailing data; Inspect rejects the rest.
func Decode(body []byte, target any) error {
	if err := Inspect(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, target, json.RejectUnknownMembers(true))
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &semantic):
		path := Path(semantic.JSONPointer)
		if errors.Is(err, json.ErrUnknownName) {
			return NewError(path, "is not a known field")
		}
		return NewError(path, "must be "+kindOf(semantic.GoType))
	case errors.As(err, &syntactic):
		return NewError(Path(syntactic.JSONPointer), "is not well-formed JSON")
	default:
		return NewError("", "is not acceptable JSON")
	}
}

// Inspect walks the tokens of a document and bounds depth and number. It rejects
// strings that the database or a reader would choke on.
func Inspect(body []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	for n := 0; ; n++ {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			var syntactic *jsontext.SyntacticError
			if errors.As(err, &syntactic) {
				if errors.Is(err, jsontext.ErrDuplicateName) {
					return NewError(Path(syntactic.JSONPointer), "is given twice")
				}
				return NewError(Path(syntactic.JSONPointer), "is not well-formed JSON")
			}
			return NewError("", "is not well-formed JSON")
		}
		if n > maxTokens || dec.StackDepth() > maxDepth {
			return NewError("", "is too deep or too long")
		}
		if token.Kind() == '"' {
			if message := BadText(token.String()); message != "" {
				return NewError(Path(dec.StackPointer()), message)
			}
		}
	}
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
