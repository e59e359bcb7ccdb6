package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	server "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
	"github.com/codex-platform/codex/events/bus"
)

// smallServer has room for 64 MiB of streams.
func smallServer(t *testing.T, dir string) *nats.Conn {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host:              "127.0.0.1",
		Port:              -1,
		JetStream:         true,
		StoreDir:          dir,
		JetStreamMaxStore: 64 << 20,
		NoLog:             true,
		NoSigs:            true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server is not ready")
	}
	conn, err := bus.Connect(s.ClientURL(), "test", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func TestTooLittleStorageIsReportedWithWhatIsNeeded(t *testing.T) {
	t.Parallel()
	js, err := jetstream.New(smallServer(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	limits := bus.DefaultStreamLimits()
	err = bus.EnsureStreams(context.Background(), js, limits)
	var storage *bus.StorageError
	if !errors.As(err, &storage) {
		t.Fatalf("error = %v, want a StorageError", err)
	}
	if storage.TotalBytes != limits.Storage() || storage.TotalBytes < limits.CommandBytes+limits.EventBytes {
		t.Errorf("%d bytes are needed, want %d", storage.TotalBytes, limits.Storage())
	}
	for _, part := range []string{"COMMANDS", "1024 MiB", "9217 MiB", "max_file_store", "insufficient"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not contain %q", err, part)
		}
	}
}

func TestCheckStoreSucceedsOnAServerThatStores(t *testing.T) {
	t.Parallel()
	conn := connect(t, natstest.Server(t))
	for range 3 {
		if err := bus.CheckStore(context.Background(), conn, bus.DefaultStreamLimits()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckStoreFailsWhileDisconnected(t *testing.T) {
	t.Parallel()
	server := natstest.Embedded(t)
	conn := connect(t, server)
	server.Stop(t)
	began := time.Now()
	if err := bus.CheckStore(context.Background(), conn, bus.DefaultStreamLimits()); err == nil {
		t.Error("no error while the server is stopped")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the check took %s", took)
	}
}

// A limit on the length of files stands for a full disk: writing fails.
func TestCheckStoreFailsWhenTheServerCannotWrite(t *testing.T) {
	t.Parallel()
	conn, err := bus.Connect(startChild(t, childFileLimit+"=300000").url, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	for range 20 { // the first checks fit
		began := time.Now()
		err = bus.CheckStore(context.Background(), conn, bus.DefaultStreamLimits())
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("the check took %s", took)
		}
		if err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "does not store") {
		t.Errorf("error = %v, want that the bus does not store", err)
	}
}
