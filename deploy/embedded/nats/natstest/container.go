package natstest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

const (
	containerReadyWithin = 60 * time.Second
	// containerLifeSeconds lets Docker remove the container of a killed test run.
	containerLifeSeconds = 600
)

// container starts the image and returns the URL of its server.
func container(t testing.TB, image string) string {
	t.Helper()
	pool, err := dockertest.NewPool("")
	if err == nil {
		err = pool.Client.Ping()
	}
	if err != nil {
		t.Fatalf("%s=%s asks for a container but no Docker daemon answers: %v", ImageVariable, image, err)
	}
	pool.MaxWait = containerReadyWithin
	repository, tag := splitImage(image)
	resource, err := pool.RunWithOptions(&dockertest.RunOptions{
		Repository: repository, Tag: tag, Cmd: []string{"-js", "-m", "8222"},
		ExposedPorts: []string{"4222/tcp"},
	}, func(host *docker.HostConfig) { host.AutoRemove = true })
	if err != nil {
		t.Fatalf("start the container %s: %v", image, err)
	}
	t.Cleanup(func() {
		if err := pool.Purge(resource); err != nil && !isGone(err) {
			t.Errorf("remove the container %s: %v", image, err)
		}
	})
	if err := resource.Expire(containerLifeSeconds); err != nil {
		t.Fatalf("bound the life of the container %s: %v", image, err)
	}
	address := "nats://" + resource.GetHostPort("4222/tcp")
	err = pool.Retry(func() error {
		conn, err := nats.Connect(address, nats.Timeout(time.Second))
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.RTT()
		return err
	})
	if err != nil {
		t.Fatalf("the container %s is not ready: %v", image, err)
	}
	return address
}

func splitImage(image string) (repository, tag string) {
	colon := strings.LastIndex(image, ":")
	if colon <= strings.LastIndex(image, "/") {
		return image, "latest"
	}
	return image[:colon], image[colon+1:]
}

func isGone(err error) bool {
	status, ok := err.(*docker.Error)
	return ok && status.Status == http.StatusNotFound
}
