package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// StorageError says that the server lacks, or does not allow this account, the storage
// that a stream reserves. It is found with errors.As.
type StorageError struct {
	// Stream could not be created or enlarged.
	Stream string
	// Bytes are what this stream reserves on each of Replicas servers, TotalBytes what
	// all streams reserve on each of them.
	Bytes, TotalBytes int64
	Replicas          int
	// Err is the server's error.
	Err error
}

func (e *StorageError) Error() string {
	return fmt.Sprintf("stream %s needs %s of JetStream storage on %d server(s), all streams together %s: "+
		"raise max_file_store of the server (or the limit of its account) to at least that, or lower the limits of the "+
		"streams: %v", e.Stream, mebibytes(e.Bytes), e.Replicas, mebibytes(e.TotalBytes), e.Err)
}

// Unwrap returns the server's error.
func (e *StorageError) Unwrap() error { return e.Err }

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }

// Storage is how many bytes the streams reserve on each server that has a replica.
func (l StreamLimits) Storage() int64 { return l.CommandBytes + l.EventBytes + healthBytes }

// Error codes of the server that mean too little storage.
const (
	errAccountResources jetstream.ErrorCode = 10002
	errNoPeers          jetstream.ErrorCode = 10005
	errResources        jetstream.ErrorCode = 10023
	errStorage          jetstream.ErrorCode = 10047
)

// explainStorage turns the server's error about storage into a [StorageError] and leaves
// other errors as they are.
func explainStorage(err error, cfg jetstream.StreamConfig, limits StreamLimits) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode {
	case errAccountResources, errResources, errStorage:
	case errNoPeers:
		if !strings.Contains(api.Description, "insufficient storage") {
			return err
		}
	default:
		return err
	}
	return &StorageError{
		Stream:     cfg.Name,
		Bytes:      cfg.MaxBytes,
		TotalBytes: limits.Storage(),
		Replicas:   max(cfg.Replicas, 1),
		Err:        err,
	}
}

// The stream that [CheckStore] writes to keeps one message.
const (
	healthStream  = "HEALTH"
	healthSubject = "codex.health"
	healthBytes   = 1 << 20
	// healthMessage is longer than what a file system may still find room for in the last
	// block of a file when it is full.
	healthMessage = 64 << 10
	healthTimeout = 2 * time.Second
)

func healthConfig(limits StreamLimits) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        healthStream,
		Description: "one message, written to learn whether the server can store",
		Subjects:    []string{healthSubject},
		MaxMsgs:     1,
		MaxBytes:    healthBytes,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		Replicas:    limits.Replicas,
	}
}

// CheckStore reports whether JetStream stores what is published: it writes 64 KiB to a
// stream of its own, which keeps one message, and waits two seconds at most. A server whose
// disk is full does not respond to publishers, and until it is restarted it does not do so
// either after room was made. The stream is created when it is missing.
func CheckStore(ctx context.Context, conn *nats.Conn, limits StreamLimits) error {
	if !conn.IsConnected() {
		return fmt.Errorf("the bus is not connected: %w", errors.Join(nats.ErrDisconnected, conn.LastError()))
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	js, err := newJetStream(conn)
	if err != nil {
		return fmt.Errorf("check the bus: %w", err)
	}
	body := make([]byte, healthMessage)

	_, err = js.Publish(ctx, healthSubject, body, jetstream.WithRetryAttempts(0))
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		if err = ensureStream(ctx, js, healthConfig(limits), limits); err == nil {
			_, err = js.Publish(ctx, healthSubject, body, jetstream.WithRetryAttempts(0))
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("the bus does not store: no acknowledgement within %s (disk full, or no leader): %w",
			healthTimeout, err)
	case err != nil:
		return fmt.Errorf("the bus does not store: %w", err)
	}
	return nil
}
