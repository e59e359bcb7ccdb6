package hls

import (
	"fmt"
	"strings"
)

// attribute is one name=value of an attribute list (RFC 8216, 4.2); the value is as
// written, with its quotes.
type attribute struct{ name, value string }

// attributes splits a tag's attribute list. A value is either quoted as a whole,
// and then may hold commas, or has no quote in it.
func attributes(list string) ([]attribute, bool) {
	var found []attribute
	for {
		name, rest, ok := strings.Cut(list, "=")
		if !ok || name == "" || strings.ContainsFunc(name, notInName) {
			return nil, false
		}
		length := strings.IndexByte(rest, ',')
		if length < 0 {
			length = len(rest)
		}
		if strings.HasPrefix(rest, `"`) {
			quote := strings.IndexByte(rest[1:], '"')
			if quote < 0 {
				return nil, false
			}
			length = quote + 2
		} else if strings.Contains(rest[:length], `"`) {
			return nil, false
		}
		found = append(found, attribute{name, rest[:length]})
		if length == len(rest) {
			return found, true
		}
		if rest[length] != ',' {
			return nil, false
		}
		list = rest[length+1:]
	}
}

func notInName(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
}

// replaceURI replaces the value of a tag's URI attribute, which must occur once when it is
// required, and at most once otherwise.
func replaceURI(line string, required bool, replace func(string) (string, error)) (string, error) {
	tag, list, _ := strings.Cut(line, ":")
	all, ok := attributes(list)
	if !ok {
		return "", fmt.Errorf("%w: %s is malformed", ErrUnusable, tag)
	}

	seen := 0
	for i, a := range all {
		if a.name != "URI" {
			// Simple players search for a URI anywhere in the line.
			if strings.HasSuffix(a.name, "URI") || strings.Contains(a.value, "URI=") {
				return "", fmt.Errorf("%w: %s has a URI where none belongs", ErrUnusable, tag)
			}
			continue
		}
		seen++
		if len(a.value) < 2 || a.value[0] != '"' {
			return "", fmt.Errorf("%w: %s has an unquoted URI", ErrUnusable, tag)
		}
		uri, err := replace(a.value[1 : len(a.value)-1])
		if err != nil {
			return "", err
		}
		if strings.ContainsAny(uri, "\"\r\n") {
			return "", fmt.Errorf("a URI for %s cannot be quoted", tag)
		}
		all[i].value = `"` + uri + `"`
	}
	if seen > 1 || (required && seen == 0) {
		return "", fmt.Errorf("%w: %s needs one URI", ErrUnusable, tag)
	}

	var out strings.Builder
	out.WriteString(tag + ":")
	for i, a := range all {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(a.name + "=" + a.value)
	}
	return out.String(), nil
}

// noURI rejects a tag with a URI where none belongs.
func noURI(line string) error {
	if strings.Contains(line, "URI=") {
		tag, _, _ := strings.Cut(line, ":")
		return fmt.Errorf("%w: %s must not have a URI", ErrUnusable, tag)
	}
	return nil
}
