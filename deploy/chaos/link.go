package main

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is a TCP proxy to one server, which can be cut: connections stay open, and no byte
// passes in either direction, as when a host is cut off without a word. New connections
// are accepted and lead nowhere.
type link struct {
	listener net.Listener
	dial     func(context.Context) (net.Conn, error)
	cut      atomic.Bool

	mu    sync.Mutex
	open  map[net.Conn]bool
	ended bool
	work  sync.WaitGroup
}

func newLink(network, address string) (*link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{
		listener: listener,
		dial: func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
		},
		open: map[net.Conn]bool{},
	}
	l.work.Go(l.accept)
	return l, nil
}

func (l *link) addr() string { return l.listener.Addr().String() }

// setCut cuts the link, or heals it. Healing closes what was open: what was in flight when
// a host comes back is reset.
func (l *link) setCut(cut bool) {
	l.cut.Store(cut)
	if cut {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		_ = conn.Close()
	}
}

func (l *link) close() {
	_ = l.listener.Close()
	l.mu.Lock()
	l.ended = true
	for conn := range l.open {
		_ = conn.Close()
	}
	l.mu.Unlock()
	l.work.Wait()
}

func (l *link) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.work.Go(func() { l.serve(conn) })
	}
}

// keep remembers a connection until it is forgotten; it is false when the link has ended.
func (l *link) keep(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		_ = conn.Close()
		return false
	}
	l.open[conn] = true
	return true
}

func (l *link) forget(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
	_ = conn.Close()
}

func (l *link) serve(client net.Conn) {
	if !l.keep(client) {
		return
	}
	defer l.forget(client)
	if l.cut.Load() {
		_, _ = io.Copy(io.Discard, client) // until the client gives up, or the link heals
		return
	}
	server, err := l.dial(context.Background())
	if err != nil {
		return
	}
	if !l.keep(server) {
		return
	}
	defer l.forget(server)
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		l.work.Go(func() {
			l.pump(pair[1], pair[0])
			done <- struct{}{}
		})
	}
	<-done
}

// pump copies until either side ends. While the link is cut, what arrives is dropped.
func (l *link) pump(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !l.cut.Load() {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if l.cut.Load() {
				l.hold(to)
			}
			return
		}
	}
}

// hold keeps the other side open while the link is cut: it must not learn that this one ended.
func (l *link) hold(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn)
}
