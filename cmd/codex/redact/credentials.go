package redact

import (
	"regexp"
	"slices"
	"strings"
)

// hidden stands in the place of a credential in an address.
const hidden = "xxxxx"

var (
	// addresses are URLs with something before an @, to the last one: a password that was
	// not escaped may hold an @ itself, and a slash.
	addresses = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)([^\s"'` + "`" + `]*)@`)
	// parameters are those of URLs, and of connection strings, that hold secrets.
	parameters = regexp.MustCompile(`(?i)((?:[\w.-]*(?:pass|pwd|secret|token|signature|credential|api_?key|access_?key)` +
		`[\w.-]*|\b(?:key|auth|sig))\s*=\s*)('(?:\\.|[^'\\])*'|"[^"]*"|[^\s&,;"'` + "`" + `]+)`)
)

// Credentials hides the passwords and tokens of the addresses in a text: what stands
// before the @ of a URL, except for the name of a user, and parameters such as password=.
func Credentials(text string) string {
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		text = addresses.ReplaceAllStringFunc(text, hideUser)
	}
	if strings.Contains(text, "=") {
		text = parameters.ReplaceAllString(text, "${1}"+hidden)
	}
	return text
}

// hideUser hides the secrets of "scheme://user:password@", which may be a list of addresses
// up to the last @.
func hideUser(address string) string {
	scheme, user, _ := strings.Cut(strings.TrimSuffix(address, "@"), "://")
	if first, more, found := strings.Cut(user, "://"); found { // a list: its first entry ends before a scheme
		i := strings.LastIndexByte(first, ',')
		at := strings.LastIndexByte(first[:max(i, 0)], '@')
		if i < 0 || at < 0 {
			return scheme + "://" + hidden + "@"
		}
		return hideUser(scheme+"://"+first[:at]+"@") + first[at+1:i+1] + hideUser(first[i+1:]+"://"+more+"@")
	}
	name, _, found := strings.Cut(user, ":")
	switch {
	case found:
		return scheme + "://" + name + ":" + hidden + "@"
	case slices.Contains([]string{"postgres", "postgresql"}, strings.ToLower(scheme)):
		return scheme + "://" + user + "@" // a user without a password; elsewhere it is a token
	default:
		return scheme + "://" + hidden + "@"
	}
}
