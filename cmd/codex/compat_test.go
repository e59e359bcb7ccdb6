package main

import (
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// freePorts returns different ports that are free now.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var (
		ports []string
		held  []net.Listener
	)
	defer func() {
		for _, listener := range held {
			_ = listener.Close()
		}
	}()
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, listener)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	return ports
}

func TestEveryServiceAnswersOnAPortOfItsOwn(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, len(services))
	r := startUp(t, filepath.Join(t.TempDir(), "data"), "--compat-ports="+strings.Join(ports, ","))
	var urls []string
	for i, port := range ports {
		c := newClient(t, "http://127.0.0.1:"+port)
		urls = append(urls, c.base)
		if got := c.want(http.StatusOK, http.MethodGet, "/", nil)["service"]; got != services[i].name {
			t.Errorf("port %s says it is %v, want %s", port, got, services[i].name)
		}
		health := c.want(http.StatusOK, http.MethodGet, "/health", nil)
		if health["status"] != "healthy" || health["service"] != services[i].name {
			t.Errorf("health of %s: %v", services[i].name, health)
		}
		for _, part := range []string{"database", "bus", "storage"} {
			if field(health, "checks."+part) != "ok" {
				t.Errorf("%s of %s: %v", part, services[i].name, health)
			}
		}
		if !strings.Contains(r.out.String(), c.base) {
			t.Errorf("%s is not in the table: %s", c.base, r.out)
		}
	}

	// A session of one service is valid at the others, and the address of each, by
	// either name, is an origin of its own.
	auth := newClient(t, urls[0])
	auth.signUp("everywhere@example.com", "creator")
	content := newClient(t, urls[1])
	content.cookie = auth.cookie
	create := func(status int, slug, origin string) {
		content.want(status, http.MethodPost, "/api/content", map[string]any{
			"title":       "A piece",
			"slug":        slug,
			"contentType": "written",
			"contentBody": "Words.",
		}, "Origin", origin)
	}
	create(http.StatusCreated, "piece-a", urls[1])
	create(http.StatusCreated, "piece-b", strings.Replace(urls[1], "127.0.0.1", "localhost", 1))
	create(http.StatusCreated, "piece-c", strings.Replace(urls[5], "127.0.0.1", "localhost", 1))
	create(http.StatusForbidden, "piece-x", "http://127.0.0.1:1")

	if text := newClient(t, r.addresses["api"]).want(http.StatusOK, http.MethodGet, "/", nil)["text"]; text == nil {
		t.Error("the platform's own address does not show its page")
	}
	r.stop(t)
	if r.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("exit code %d: %s", r.cmd.ProcessState.ExitCode(), r.out)
	}
	assertFree(t, urls...)
}

func TestTheUsualPortsAreThoseOfTheOriginal(t *testing.T) {
	t.Parallel()
	chosen, err := compatServices("true")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range chosen {
		got = append(got, s.name+" "+s.port)
	}
	want := []string{
		"auth 42069", "content-api 4001", "organization-api 42071", "ecom-api 42072", "identity-api 42074",
		"media-api 4002", "admin-api 42073", "notifications-api 42075",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestATakenServicePortIsReportedInOneSentence(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ports := append(freePorts(t, 2), port)
	data := filepath.Join(t.TempDir(), "data")
	r := launch(t, nil, "up", "--addr", "127.0.0.1:0", "--data", data, "--compat-ports="+strings.Join(ports, ","))
	select {
	case <-r.exited:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	out := strings.TrimSpace(r.out.String())
	want := "codex: 127.0.0.1:" + port +
		" is in use by another program: stop it, or set CODEX_COMPAT_PORTS to a free address"
	if out != want || r.cmd.ProcessState.ExitCode() == 0 {
		t.Errorf("exit code %d: %q, want %q", r.cmd.ProcessState.ExitCode(), out, want)
	}
}

func TestTheServicesPortsAreTheOnesThatClientsKnow(t *testing.T) {
	t.Parallel()
	usual, err := compatServices("true")
	if err != nil || !slices.Equal(usual, services) || len(usual) != 8 {
		t.Errorf("%v, %v", usual, err)
	}
	if none, err := compatServices(""); len(none) > 0 || err != nil {
		t.Errorf("%v, %v", none, err)
	}
	for _, wrong := range []string{"yes please", "0,1", "70000", "1,2,3,4,5,6,7,8,9", ",", "-1"} {
		if _, err := compatServices(wrong); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}
