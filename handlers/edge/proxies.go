package edge

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
)

// trustProxies lets the engine believe X-Forwarded-For, read from its end, as far as
// it was written by these networks. No other header says who a client is.
func trustProxies(router *gin.Engine, networks []netip.Prefix) error {
	router.RemoteIPHeaders = []string{"X-Forwarded-For"}
	var trusted []string
	for _, n := range networks {
		trusted = append(trusted, n.String())
	}
	return router.SetTrustedProxies(trusted)
}

// ParseProxies reads addresses and networks, separated by commas: 10.0.0.0/8, ::1.
func ParseProxies(list string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		network, err := netip.ParsePrefix(part)
		if address, alone := netip.ParseAddr(part); alone == nil {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is no network", part)
		}
		if network.Bits() == 0 {
			return nil, fmt.Errorf("%q is everybody", part)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}
