package mail

import (
	"regexp"
	"strings"
)

const (
	maxAddress   = 254 // characters; RFC 5321, a path without its brackets
	maxLocalPart = 64
)

// NormalAddress returns an address as it is stored and compared: trimmed and in lower
// case.
func NormalAddress(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

var (
	localPart = regexp.MustCompile(`^[a-z0-9!#$%&'*+/=?^_{|}~` + "`" + `-]+(\.[a-z0-9!#$%&'*+/=?^_{|}~` + "`" + `-]+)*$`)
	hostName  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// ValidAddress reports whether a normal address is one that mail can be sent to: a
// dot-atom of ASCII and a host name with at least one dot. Quoted local parts and
// address literals are not accepted, so an address is safe in a header.
func ValidAddress(address string) bool {
	local, host, found := strings.Cut(address, "@")
	return found && len(address) <= maxAddress && len(local) <= maxLocalPart &&
		localPart.MatchString(local) && hostName.MatchString(host)
}
