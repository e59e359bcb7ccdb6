// Package container runs a server from an image, for test runs that ask for one by an
// environment variable. A named image without a Docker daemon is an error, never a skip.
package container

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ory/dockertest/v3"
	"github.com/ory/dockertest/v3/docker"
)

const (
	readyWithin = 90 * time.Second
	// lifeSeconds lets Docker end the container of a killed test run.
	lifeSeconds = 1800
)

// Spec says what to run.
type Spec struct {
	// Variable is the environment variable that named the image, for errors.
	Variable string
	// Image as docker run takes it; without a tag "latest".
	Image string
	// Env are NAME=value pairs; Cmd replaces the image's arguments.
	Env, Cmd []string
	// Port is the exposed one, for example "5432/tcp".
	Port string
	// Ready is called with host:port until it returns nil.
	Ready func(hostPort string) error
}

// Start runs the image and returns where its port is reachable, and the call that
// removes the container.
func Start(spec Spec) (hostPort string, purge func() error, err error) {
	pool, err := dockertest.NewPool("")
	if err == nil {
		err = pool.Client.Ping()
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s=%s asks for a container but no Docker daemon answers: %w",
			spec.Variable, spec.Image, err)
	}
	pool.MaxWait = readyWithin
	repository, tag := splitImage(spec.Image)
	resource, err := pool.RunWithOptions(&dockertest.RunOptions{
		Repository:   repository,
		Tag:          tag,
		Env:          spec.Env,
		Cmd:          spec.Cmd,
		ExposedPorts: []string{spec.Port},
	}, func(host *docker.HostConfig) { host.AutoRemove = true })
	if err != nil {
		return "", nil, fmt.Errorf("start the container %s: %w", spec.Image, err)
	}
	purge = func() error {
		if err := pool.Purge(resource); err != nil && !isGone(err) {
			return fmt.Errorf("remove the container %s: %w", spec.Image, err)
		}
		return nil
	}
	if err := resource.Expire(lifeSeconds); err != nil {
		return "", nil, errors.Join(fmt.Errorf("bound the life of the container %s: %w", spec.Image, err), purge())
	}
	hostPort = resource.GetHostPort(spec.Port)
	if err := pool.Retry(func() error { return spec.Ready(hostPort) }); err != nil {
		return "", nil, errors.Join(fmt.Errorf("the container %s is not ready: %w", spec.Image, err), purge())
	}
	return hostPort, purge, nil
}

// splitImage separates the tag; a colon before the last slash is a registry's port.
func splitImage(image string) (repository, tag string) {
	colon := strings.LastIndex(image, ":")
	if colon <= strings.LastIndex(image, "/") {
		return image, "latest"
	}
	return image[:colon], image[colon+1:]
}

// isGone: the container ended by itself and Docker removed it.
func isGone(err error) bool {
	var gone *docker.NoSuchContainer
	var status *docker.Error
	return errors.As(err, &gone) || (errors.As(err, &status) && status.Status == http.StatusNotFound)
}
