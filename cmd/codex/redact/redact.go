// Package redact removes secrets from log records, by the name of a field and by the
// shape of a text. It is the last line of defence: code should not pass secrets to a
// logger at all.
package redact

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Mode says what stands in the place of a secret.
type Mode int

const (
	// Mask shows the last four characters, for a developer.
	Mask Mode = iota
	// Hash shows a short hash, by which one value can be followed through a log, and
	// takes e-mail addresses out.
	Hash
)

// secretNames are parts of the names of fields that hold secrets, without separators.
var secretNames = []string{
	"password", "passwd", "secret", "token", "apikey", "privatekey", "credential", "authorization",
	"cookie", "session", "csrf", "databaseurl", "dsn", "stripe", "card", "cvv", "cvc", "ssn", "passport",
}

// secretShapes are what secrets look like, wherever they stand.
var secretShapes = regexp.MustCompile(strings.Join([]string{
	`\b(?:sk|pk|rk)_[A-Za-z0-9_]+`, `\bwhsec_[A-Za-z0-9+/=]+`,
	`(?i:\b(?:postgres|postgresql|mysql)://[^\s"']+)`,
	`(?i:\bbearer\s+[^\s"',]+)`,
	`[A-Za-z0-9]{32,}`,
}, "|"))

var email = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)

// handler redacts what it hands on.
type handler struct {
	next slog.Handler
	mode Mode
	// hidden says that a group around the fields has the name of a secret.
	hidden bool
}

// New returns a handler that redacts records before next gets them.
func New(next slog.Handler, mode Mode) slog.Handler { return &handler{next: next, mode: mode} }

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a, h.hidden))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a, h.hidden)
	}
	return &handler{next: h.next.WithAttrs(clean), mode: h.mode, hidden: h.hidden}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{next: h.next.WithGroup(name), mode: h.mode, hidden: h.hidden || isSecret(name)}
}

func (h *handler) attr(a slog.Attr, hidden bool) slog.Attr {
	hidden = hidden || isSecret(a.Key)
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindGroup:
		clean := make([]slog.Attr, len(value.Group()))
		for i, inner := range value.Group() {
			clean[i] = h.attr(inner, hidden)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(clean...)}
	case slog.KindString:
		return slog.String(a.Key, h.value(a.Key, value.String(), hidden))
	case slog.KindAny:
		return h.any(a.Key, value, hidden)
	default: // numbers, times and truth values are counts and measurements
		return slog.Attr{Key: a.Key, Value: value}
	}
}

// any redacts what is not a text but becomes one. What holds no secret stays what it
// is, for handlers that write structures.
func (h *handler) any(key string, value slog.Value, hidden bool) slog.Attr {
	written := fmt.Sprintf("%+v", value.Any())
	if bytes, ok := value.Any().([]byte); ok {
		written = string(bytes)
	}
	if clean := h.value(key, written, hidden); clean != written {
		return slog.String(key, clean)
	}
	return slog.Attr{Key: key, Value: value}
}

func (h *handler) value(key, s string, hidden bool) string {
	switch {
	case hidden:
		return h.instead(s)
	case key == "stack":
		return s // long names are no secrets, and arguments are addresses
	default:
		return h.text(s)
	}
}

// text redacts what has the shape of a secret.
func (h *handler) text(s string) string {
	s = Credentials(s)
	if h.mode == Hash && strings.Contains(s, "@") {
		// An address's user and password are no e-mail; the shapes come first.
		s = email.ReplaceAllString(secretShapes.ReplaceAllStringFunc(s, h.instead), "[email]")
	}
	return secretShapes.ReplaceAllStringFunc(s, h.instead)
}

// instead is what stands in the place of a secret.
func (h *handler) instead(s string) string {
	if s == "" {
		return ""
	}
	if h.mode == Hash {
		sum := fnv.New32a()
		_, _ = sum.Write([]byte(s)) // never fails
		return fmt.Sprintf("[redacted %08x]", sum.Sum32())
	}
	const shown = 4
	n := utf8.RuneCountInString(s)
	if n <= 2*shown {
		return "****"
	}
	runes := []rune(s)
	return "****" + string(runes[n-shown:])
}

// isSecret reports whether a field of this name holds a secret.
func isSecret(name string) bool {
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune("_-. ", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
	if plain == "auth" {
		return true
	}
	for _, part := range secretNames {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return false
}
