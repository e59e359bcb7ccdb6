package nats_test

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/codex-platform/codex/deploy/embedded/nats"
	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := client.Connect(url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(conn.Close)
	streams, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return streams
}

func publish(t *testing.T, url string) {
	t.Helper()
	streams := connect(t, url)
	_, err := streams.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}})
	if err != nil {
		t.Fatalf("create a stream: %v", err)
	}
	if _, err := streams.Publish(t.Context(), "kept", []byte("here")); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

func TestMessagesSurviveARestartOnTheSameURL(t *testing.T) {
	t.Parallel()
	server := natstest.Embedded(t)
	before := server.URL()
	publish(t, before)
	server.Restart(t)
	stream, err := connect(t, server.URL()).Stream(t.Context(), "KEPT")
	if err != nil {
		t.Fatalf("the stream is gone: %v", err)
	}
	message, err := stream.GetMsg(t.Context(), 1)
	if err != nil || string(message.Data) != "here" {
		t.Errorf("message = %v, %v", message, err)
	}
	if server.URL() != before {
		t.Errorf("url %s became %s", before, server.URL())
	}
}

func TestAWipedServerHasNoStreams(t *testing.T) {
	t.Parallel()
	server := natstest.Embedded(t)
	publish(t, server.URL())
	server.StopAndWipe(t)
	if _, err := connect(t, server.URL()).Stream(t.Context(), "KEPT"); err == nil {
		t.Error("the stream survived the wipe")
	}
}

func TestTwoServersKnowNothingOfEachOther(t *testing.T) {
	t.Parallel()
	first, second := natstest.Server(t), natstest.Server(t)
	publish(t, first.URL())
	if _, err := connect(t, second.URL()).Stream(t.Context(), "KEPT"); err == nil {
		t.Error("the second server has the first one's stream")
	}
}

func start(t *testing.T, cfg nats.Config) *nats.Server {
	t.Helper()
	server, err := nats.Start(cfg)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		select {
		case <-server.Done():
		default:
			t.Error("Done is open after Stop")
		}
	})
	return server
}

func TestATokenIsAskedForAndInTheURL(t *testing.T) {
	t.Parallel()
	server := start(t, nats.Config{
		Dir:          t.TempDir(),
		Port:         -1,
		Token:        "not-for-everybody",
		SyncInterval: nats.SyncAlways,
	})
	publish(t, server.URL())
	conn, err := client.Connect(strings.Replace(server.URL(), "not-for-everybody@", "", 1))
	if err == nil {
		conn.Close()
		t.Error("connected without the token")
	}
}

func TestMessagesUpToEightMebibytesAreTaken(t *testing.T) {
	t.Parallel()
	conn, err := client.Connect(natstest.Embedded(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.MaxPayload() != 8<<20 {
		t.Errorf("max payload = %d", conn.MaxPayload())
	}
}

func TestATakenPortIsOneClearSentence(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	_, err = nats.Start(nats.Config{Dir: t.TempDir(), Port: port, Token: "token"})
	want := "the NATS port 127.0.0.1:" + strconv.Itoa(port) + " is taken by another program"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("error = %v, want %q", err, want)
	}
}

func TestADirectoryThatCannotBeMadeIsOneClearSentence(t *testing.T) {
	t.Parallel()
	_, err := nats.Start(nats.Config{Dir: filepath.Join("/dev/null", "streams"), Port: -1, Token: "token"})
	if err == nil || !strings.Contains(err.Error(), "cannot be created") {
		t.Fatalf("error = %v", err)
	}
}

func TestATokenIsRequiredAndTLSBeyondLoopback(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  nats.Config
		want string
	}{
		{nats.Config{Dir: t.TempDir(), Port: -1}, "Config.Token is required"},
		{nats.Config{Dir: t.TempDir(), Port: -1, Token: "token", Host: "0.0.0.0"}, "Config.TLS is required"},
		{nats.Config{Dir: t.TempDir(), Port: -1, Token: "token", Host: "::"}, "Config.TLS is required"},
		{nats.Config{Dir: t.TempDir(), Port: -1, Token: "token", Host: "codex.example"}, "Config.TLS is required"},
	} {
		server, err := nats.Start(c.cfg)
		if err == nil {
			_ = server.Stop(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with token %q: %v, want %q", c.cfg.Host, c.cfg.Token, err, c.want)
		}
	}
}
