package edge

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain"
)

// errForeignHost is for development: a page whose name an attacker points to 127.0.0.1 (DNS
// rebinding) would otherwise read everything as if it were this machine's own.
var errForeignHost = domain.NewError(domain.Forbidden, "HOST_NOT_ALLOWED",
	"In development the platform answers at localhost and loopback addresses only")

// ownHost refuses, in development, requests that were addressed to another host.
func (e *Edge) ownHost(c *gin.Context) {
	if e.cfg.Development && !IsLoopbackHost(c.Request.Host) {
		e.writeError(c, errForeignHost)
	}
}

// IsLoopbackHost reports whether a host, with or without a port, is this machine by its
// name alone, whatever a name server says: localhost, a name below it, or a loopback address.
func IsLoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(host, "]"), "["), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// wellFormed refuses text that the database could not store: invalid UTF-8 and NUL, in the
// path, the query and the headers. Bodies are checked when they are read.
func (e *Edge) wellFormed(c *gin.Context) {
	var invalid []domain.Field
	add := func(path, message string) { invalid = append(invalid, domain.Field{Path: path, Message: message}) }
	if !storable(c.Request.URL.Path) {
		add("path", notText)
	}
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		add("query", "must have valid escapes")
	}
	for name, values := range query {
		if !storable(name) {
			add("query", notText)
		} else if !allStorable(values) {
			add(name, notText)
		}
	}
	for name, values := range c.Request.Header {
		if !allStorable(values) {
			add(name, notText)
		}
	}
	if !storable(c.Request.Host) {
		add("Host", notText)
	}
	if len(invalid) > 0 {
		e.writeError(c, domain.BadFields(invalid))
	}
}

const notText = "must be valid UTF-8 without the NUL character"

func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func allStorable(values []string) bool {
	for _, v := range values {
		if !storable(v) {
			return false
		}
	}
	return true
}
