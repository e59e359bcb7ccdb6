package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/codex-platform/codex/deploy/embedded/container"
)

// fromImage starts the image and returns the URL of its server.
func fromImage(t testing.TB, image string) string {
	t.Helper()
	hostPort, purge, err := container.Start(container.Spec{
		Variable: ImageVariable,
		Image:    image,
		Port:     "4222/tcp",
		Cmd:      []string{"-js"},
		Ready: func(hostPort string) error {
			conn, err := nats.Connect("nats://"+hostPort, nats.Timeout(time.Second))
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = conn.RTT()
			return err
		},
	})
	if err != nil {
		t.Fatalf("natstest: %v", err)
	}
	t.Cleanup(func() {
		if err := purge(); err != nil {
			t.Errorf("natstest: %v", err)
		}
	})
	return "nats://" + hostPort
}
