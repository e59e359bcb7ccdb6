package natstest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	clusterNodes = 3
	// electedWithin is how long a cluster may take to elect its leader.
	electedWithin = 30 * time.Second
)

// Nodes is a cluster of three servers with JetStream that lives as long as its test.
type Nodes struct {
	dir     string
	clients [clusterNodes]int
	routes  [clusterNodes]int
	running [clusterNodes]*server.Server
}

// Cluster starts a cluster in the test process and returns when it has a leader.
func Cluster(t testing.TB) *Nodes {
	t.Helper()
	nodes := &Nodes{dir: t.TempDir()}
	for i := range clusterNodes {
		nodes.clients[i], nodes.routes[i] = freePort(t), freePort(t)
	}
	t.Cleanup(nodes.Stop)
	nodes.Start(t)
	return nodes
}

// URL names all servers, as nats.Connect takes them.
func (n *Nodes) URL() string {
	var list []string
	for _, port := range n.clients {
		list = append(list, fmt.Sprintf("nats://127.0.0.1:%d", port))
	}
	return strings.Join(list, ",")
}

// Stop ends all servers.
func (n *Nodes) Stop() {
	for i := range n.running {
		n.StopNode(i)
	}
}

// StopNode ends one server.
func (n *Nodes) StopNode(i int) {
	if s := n.running[i]; s != nil {
		s.Shutdown()
		s.WaitForShutdown()
		n.running[i] = nil
	}
}

// Wipe deletes what the servers, which must be stopped, have stored.
func (n *Nodes) Wipe(t testing.TB) {
	t.Helper()
	for i := range n.running {
		if err := os.RemoveAll(n.store(i)); err != nil {
			t.Fatalf("wipe the cluster: %v", err)
		}
	}
}

// Start starts the servers that do not run, and waits for a leader that knows all of them.
func (n *Nodes) Start(t testing.TB) {
	t.Helper()
	for i := range n.running {
		if n.running[i] == nil {
			n.start(t, i)
		}
	}
	deadline := time.Now().Add(electedWithin)
	for !n.complete() {
		if time.Now().After(deadline) {
			t.Fatalf("the cluster has no leader, or is not complete, after %s", electedWithin)
		}
		<-time.After(20 * time.Millisecond) // between two looks
	}
}

func (n *Nodes) store(i int) string { return filepath.Join(n.dir, fmt.Sprint("node-", i)) }

func (n *Nodes) start(t testing.TB, i int) {
	t.Helper()
	var routes []*url.URL
	for _, port := range n.routes {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	node, err := server.NewServer(&server.Options{
		ServerName: fmt.Sprint("node-", i),
		Host:       "127.0.0.1",
		Port:       n.clients[i],
		Cluster:    server.ClusterOpts{Name: "codex", Host: "127.0.0.1", Port: n.routes[i]},
		Routes:     routes,
		JetStream:  true,
		StoreDir:   n.store(i),
		// Streams reserve what they may grow to; nothing of it is written.
		JetStreamMaxStore: 64 << 30,
		NoLog:             true,
		NoSigs:            true,
	})
	if err != nil {
		t.Fatalf("configure a node: %v", err)
	}
	node.Start()
	n.running[i] = node
}

// complete reports whether there is a leader to which all servers are online: it places
// streams on no other.
func (n *Nodes) complete() bool {
	for _, node := range n.running {
		if node != nil && node.JetStreamIsLeader() && len(node.JetStreamClusterPeers()) == clusterNodes {
			return true
		}
	}
	return false
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
