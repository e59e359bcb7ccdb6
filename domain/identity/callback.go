package identity

import (
	"net/url"
	"strings"
)

// maxCallback is the longest address that a browser is sent to.
const maxCallback = 2048

// CallbackOrigin reads an address that a browser is asked to be sent to, and returns
// its origin as browsers write it, "" for a path of the platform itself. It reports
// false for what could be read in two ways: browsers take a backslash for a slash and
// skip control characters.
func CallbackOrigin(address string) (origin string, ok bool) {
	if len(address) > maxCallback || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) {
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
