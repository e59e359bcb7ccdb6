package purchase

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Returns are the sites to which a buyer may be redirected from the payment provider. Any
// other site would make the checkout an open redirect.
type Returns struct {
	// Own is this platform's own URL, for example https://codex.example; scheme, host and
	// port must be equal.
	Own string
	// Hosts are host names in lower case, which include their subdomains, with http or
	// https, on any port.
	Hosts []string
	// Local allows the hosts of this machine, for development.
	Local bool
}

// localHosts are names of this machine; lvh.me is a public name of 127.0.0.1.
var localHosts = []string{"localhost", "lvh.me"}

// hostName are the characters of a host. Browsers and Go disagree about some others.
var hostName = regexp.MustCompile(`^[a-z0-9.-]+$`)

// Allow reports whether a buyer may be redirected to a URL.
func (r Returns) Allow(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	own, err := url.Parse(r.Own)
	if err == nil && own.Host != "" && u.Scheme == own.Scheme && strings.EqualFold(u.Host, own.Host) {
		return true
	}

	host := strings.ToLower(u.Hostname())
	if ip, err := netip.ParseAddr(host); err == nil {
		return r.Local && ip.IsLoopback()
	}
	return hostName.MatchString(host) && (within(host, r.Hosts) || (r.Local && within(host, localHosts)))
}

// within reports whether a host is one of these or a subdomain of one.
func within(host string, hosts []string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool { return host == h || strings.HasSuffix(host, "."+h) })
}
