package container

import (
	"strings"
	"testing"
)

func TestTheTagIsWhatFollowsTheLastColonAfterTheLastSlash(t *testing.T) {
	t.Parallel()
	for image, want := range map[string][2]string{
		"postgres":                      {"postgres", "latest"},
		"postgres:17":                   {"postgres", "17"},
		"registry:5000/team/postgres":   {"registry:5000/team/postgres", "latest"},
		"registry:5000/team/postgres:9": {"registry:5000/team/postgres", "9"},
	} {
		if repository, tag := splitImage(image); repository != want[0] || tag != want[1] {
			t.Errorf("%s = %s, %s; want %v", image, repository, tag, want)
		}
	}
}

func TestWithoutADaemonTheImageAndTheVariableAreNamed(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+t.TempDir()+"/no-daemon.sock")
	_, _, err := Start(Spec{Variable: "SOME_IMAGE", Image: "nats:2.11", Port: "4222/tcp"})
	const want = "SOME_IMAGE=nats:2.11 asks for a container but no Docker daemon answers"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("error = %v", err)
	}
}
