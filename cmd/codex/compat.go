package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/codex-platform/codex/handlers/edge"
)

// service is one of the services that clients of the original know, each on a port
// of its own. Here all of them are the same edge.
type service struct {
	name string
	port string
}

// services are in the order in which a list of other ports is given. Those that were added
// later come last, so that older lists mean what they did.
var services = []service{
	{"auth", "42069"},
	{"content-api", "4001"},
	{"organization-api", "42071"},
	{"ecom-api", "42072"},
	{"identity-api", "42074"},
	{"media-api", "4002"},
	{"admin-api", "42073"},
	{"notifications-api", "42075"},
}

// compatPorts is the flag --compat-ports, with or without a list of ports.
type compatPorts string

// IsBool implements kong.BoolMapperValue: the flag needs no value.
func (*compatPorts) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (p *compatPorts) Decode(ctx *kong.DecodeContext) error { //nolint:unparam // the interface wants it
	*p = "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		*p = compatPorts(ctx.Scan.Pop().String())
	}
	return nil
}

// compatServices returns the services that CODEX_COMPAT_PORTS asks for: none, all on
// their ports, or each on the next port of a list.
func compatServices(value string) ([]service, error) {
	switch value {
	case "", "false", "0":
		return nil, nil
	case "true", "1":
		return services, nil
	}
	ports := strings.Split(value, ",")
	if len(ports) > len(services) {
		return nil, fmt.Errorf("CODEX_COMPAT_PORTS has %d ports: there are %d services", len(ports), len(services))
	}
	chosen := make([]service, len(ports))
	for i, port := range ports {
		port = strings.TrimSpace(port)
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf(
				"CODEX_COMPAT_PORTS: %q is no port; set it to true for the usual ports, or to a list of others", port)
		}
		chosen[i] = service{services[i].name, port}
	}
	return chosen, nil
}

// compatListener is where one service is expected.
type compatListener struct {
	service
	net.Listener
}

// listenCompat opens the ports of the services, on loopback: all of them or none.
func listenCompat(ctx context.Context, chosen []service) (open []compatListener, err error) {
	defer func() {
		if err != nil {
			closeAll(open)
			open = nil
		}
	}()
	for _, s := range chosen {
		listener, err := listen(ctx, "CODEX_COMPAT_PORTS", net.JoinHostPort("127.0.0.1", s.port))
		if err != nil {
			return open, err
		}
		open = append(open, compatListener{s, listener})
	}
	return open, nil
}

func closeAll(listeners []compatListener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

// ownOrigins are the addresses of the services, as browsers write them.
func ownOrigins(chosen []service) []string {
	var origins []string
	for _, s := range chosen {
		for _, host := range []string{"localhost", "127.0.0.1"} {
			origins = append(origins, "http://"+net.JoinHostPort(host, s.port))
		}
	}
	return origins
}

// compatServices are the services that the edge stands in for.
func (p *platform) compatServices() []service {
	chosen := make([]service, len(p.compat))
	for i, l := range p.compat {
		chosen[i] = l.service
	}
	return chosen
}

// serveEdge serves the edge where it listens, and under the names of the services
// where those are expected, until ctx is done.
func (p *platform) serveEdge(ctx context.Context, e *edge.Edge) error {
	server := edge.Server{Connections: p.cfg.MaxConnections, Linger: p.stopping.linger, Grace: p.stopping.requests}
	one := func(listener net.Listener, handler http.Handler) func(context.Context) error {
		return func(ctx context.Context) error { return server.Serve(ctx, listener, handler) }
	}
	loops := []func(context.Context) error{one(p.listener, e.Handler())}
	for _, l := range p.compat {
		loops = append(loops, one(l.Listener, e.As(l.name)))
	}
	return together(ctx, loops...)
}
