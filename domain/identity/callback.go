package identity

import (
	"net/url"
	"strings"
)

// maxCallback is the longest redirect target, in bytes.
const maxCallback = 2048

// CallbackOrigin parses a redirect target and returns its origin as browsers write it, ""
// for a path of the platform itself. It reports false for an address that browsers may
// read differently: they take a backslash for a slash and skip control characters.
func CallbackOrigin(address string) (origin string, ok bool) {
	ambiguous := func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }
	if len(address) > maxCallback || strings.ContainsFunc(address, ambiguous) {
		return "", false
	}
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" {
		return "", false
	}
	switch {
	case u.Scheme == "" && u.Host == "":
		return "", strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
	case (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "":
		return strings.ToLower(u.Scheme + "://" + u.Host), true
	default:
		return "", false
	}
}
