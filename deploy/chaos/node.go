package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// nodeCommand is the argument that makes this program a node of the NATS cluster.
const nodeCommand = "nats-node"

// nodes is the size of the NATS cluster, and the number of copies of each stream.
const nodes = 3

// node is one nats-server of the cluster, a process of its own.
type node struct {
	*process
	number int
	client string // host:port
	route  string // host:port
	disk   *disk
}

// newNodes chooses the ports of the cluster and writes the configurations. A node keeps its
// ports when it is started again.
func newNodes(self, dir, logs string) ([]*node, error) {
	var cluster []*node
	for number := 1; number <= nodes; number++ {
		name := fmt.Sprintf("nats-%d", number)
		space, err := newDisk(filepath.Join(dir, name), natsDiskBytes)
		if err != nil {
			return cluster, err
		}
		n := &node{
			number: number,
			disk:   space,
			process: &process{
				name: name,
				path: self,
				env:  os.Environ(),
				log:  filepath.Join(logs, name+".log"),
			},
		}
		cluster = append(cluster, n)
		for _, address := range []*string{&n.client, &n.route} {
			if *address, err = freeAddress(); err != nil {
				return cluster, err
			}
		}
	}
	var routes []string
	for _, n := range cluster {
		routes = append(routes, fmt.Sprintf("%q", "nats://"+n.route))
	}
	for _, n := range cluster {
		file := filepath.Join(dir, n.name+".conf")
		n.args = []string{nodeCommand, file}
		if err := os.WriteFile(file, []byte(n.configuration(routes)), 0o600); err != nil {
			return cluster, err
		}
	}
	return cluster, nil
}

// natsDiskBytes is the space of a node. JetStream reserves the streams' limits on paper only.
const natsDiskBytes = 384 << 20

func (n *node) configuration(routes []string) string {
	return fmt.Sprintf(`
server_name: %s
listen: %q
max_payload: 8MB
jetstream { store_dir: %q, max_memory_store: 64MB, max_file_store: 12GB, sync_interval: "2s" }
# Clients keep to the addresses that they were given: those of a relay lead through its proxies.
cluster { name: chaos, listen: %q, no_advertise: true, routes: [%s] }
`, n.name, n.client, filepath.Join(n.disk.dir, "store"), n.route, strings.Join(routes, ", "))
}

// deleteData removes all that the node has stored. It must not be running.
func (n *node) deleteData() error {
	if n.life() != nil {
		return errors.New("a running node's data is not deleted")
	}
	return os.RemoveAll(filepath.Join(n.disk.dir, "store"))
}

// runNode is a node: nats-server with a configuration file, until a signal ends it.
func runNode(file string) error {
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		return err
	}
	ns, err := server.NewServer(options)
	if err != nil {
		return err
	}
	ns.ConfigureLogger()
	if err := server.Run(ns); err != nil {
		return err
	}
	ns.WaitForShutdown()
	return nil
}

// freeAddress returns a loopback address that is free now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}

// until looks at a condition every pause until it is true. It returns the last error when ctx
// ends or the limit is over.
func until(ctx context.Context, limit, pause time.Duration, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}
