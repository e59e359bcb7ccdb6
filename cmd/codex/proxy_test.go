package main

import (
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// stallingProxy is between processes and the database. Once it stalls, bytes go neither
// way, and the connections stay open: as with a host that was cut off.
type stallingProxy struct {
	// address is that of the database through the proxy.
	address string

	mu      sync.Mutex
	resumed *sync.Cond
	stalled bool
	closed  bool
}

func newStallingProxy(t *testing.T, in *installation) *stallingProxy {
	t.Helper()
	target, err := pgx.ParseConfig(in.database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &stallingProxy{address: (&url.URL{
		Scheme:   "postgres",
		User:     url.User(target.User),
		Host:     listener.Addr().String(),
		Path:     "/" + target.Database,
		RawQuery: "sslmode=disable",
	}).String()}
	p.resumed = sync.NewCond(&p.mu)
	network, host := "tcp", net.JoinHostPort(target.Host, strconv.Itoa(int(target.Port)))
	if filepath.IsAbs(target.Host) {
		network, host = "unix", filepath.Join(target.Host, ".s.PGSQL."+strconv.Itoa(int(target.Port)))
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, host)
			if err != nil {
				_ = client.Close()
				continue
			}
			go p.pass(client, server)
			go p.pass(server, client)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		p.set(false, true)
	})
	return p
}

func (p *stallingProxy) stall() { p.set(true, false) }

func (p *stallingProxy) set(stalled, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled, p.closed = stalled, closed
	p.resumed.Broadcast()
}

// pass copies one direction of a connection while the proxy does not stall.
func (p *stallingProxy) pass(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		for p.stalled && !p.closed {
			p.resumed.Wait()
		}
		p.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
