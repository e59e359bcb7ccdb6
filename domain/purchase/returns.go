package purchase

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Returns says where a buyer may be sent when they come back from the payment
// provider. Everything else would make our checkout a way to lead people astray.
type Returns struct {
	// Own is this platform's own address, for example https://codex.example; its
	// scheme, host and port must be met exactly.
	Own string
	// Hosts are names of sites, in lower case: themselves and everything below them, by
	// http or https, on any port.
	Hosts []string
	// Local admits whatever runs on the same machine. For development.
	Local bool
}

// localHosts are names of this machine; lvh.me is a public name of 127.0.0.1.
var localHosts = []string{"localhost", "lvh.me"}

// hostName is what a host may be written with. Browsers and Go disagree about some of
// what is left out.
var hostName = regexp.MustCompile(`^[a-z0-9.-]+$`)

// Allow reports whether a buyer may be sent to an address.
func (r Returns) Allow(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	if own, err := url.Parse(r.Own); err == nil && own.Host != "" && u.Scheme == own.Scheme && strings.EqualFold(u.Host, own.Host) {
		return true
	}
	host := strings.ToLower(u.Hostname())
	if ip, err := netip.ParseAddr(host); err == nil {
		return r.Local && ip.IsLoopback()
	}
	return hostName.MatchString(host) && (within(host, r.Hosts) || (r.Local && within(host, localHosts)))
}

// within reports whether a host is one of these or below one.
func within(host string, hosts []string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool { return host == h || strings.HasSuffix(host, "."+h) })
}
