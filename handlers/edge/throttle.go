package edge

import (
	"net/netip"

	"github.com/gin-gonic/gin"
)

// perAddress limits how often one network address may use a route that takes or
// sends credentials. It counts in the database, for all edges together, and fails
// closed: who cannot be counted is not let in.
func (a *auth) perAddress(route string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := a.limit(c, "address:"+route, network(c.ClientIP()), a.AddressRequests); err != nil {
			a.refuse(c, err)
		}
	}
}

// network returns what counts as one address: of IPv6 the /64, because that is
// what one subscriber gets.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap(); ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
