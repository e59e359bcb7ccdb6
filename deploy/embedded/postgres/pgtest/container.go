package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

const (
	containerReadyWithin = 90 * time.Second
	// containerLifeSeconds lets Docker remove the container of a killed test run.
	containerLifeSeconds = 1800
)

// startContainer runs an official Postgres image, or one with its conventions.
// Ready means reachable over TCP: the server that such images run while they
// initialise listens on a unix socket only.
func startContainer(image string) (source, error) {
	pool, err := dockertest.NewPool("")
	if err == nil {
		err = pool.Client.Ping()
	}
	if err != nil {
		return source{}, fmt.Errorf("%s=%s asks for a container but no Docker daemon answers: %w", ImageVariable, image, err)
	}
	pool.MaxWait = containerReadyWithin
	repository, tag := splitImage(image)
	resource, err := pool.RunWithOptions(&dockertest.RunOptions{
		Repository: repository, Tag: tag,
		Env:          []string{"POSTGRES_USER=codex", "POSTGRES_PASSWORD=codex", "POSTGRES_DB=postgres", "POSTGRES_HOST_AUTH_METHOD=trust"},
		Cmd:          []string{"postgres", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300"},
		ExposedPorts: []string{"5432/tcp"},
	}, func(host *docker.HostConfig) { host.AutoRemove = true })
	if err != nil {
		return source{}, fmt.Errorf("start the container %s: %w", image, err)
	}
	purge := func(context.Context) error { return pool.Purge(resource) }
	if err := resource.Expire(containerLifeSeconds); err != nil {
		_ = purge(context.Background())
		return source{}, fmt.Errorf("bound the life of the container %s: %w", image, err)
	}
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword("codex", "codex"),
		Host: resource.GetHostPort("5432/tcp"), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	err = pool.Retry(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, address.String())
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	if err != nil {
		_ = purge(context.Background())
		return source{}, fmt.Errorf("the container %s is not ready: %w", image, err)
	}
	return source{adminURL: address.String(), stop: purge}, nil
}

// splitImage separates the tag; a colon before the last slash is a registry's port.
func splitImage(image string) (repository, tag string) {
	colon := strings.LastIndex(image, ":")
	if colon <= strings.LastIndex(image, "/") {
		return image, "latest"
	}
	return image[:colon], image[colon+1:]
}
