package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/deploy/embedded/nats/natstest"
)

// Without NATS an edge serves what needs no bus, also when it starts that way, and accepts
// writes. The other roles wait, say why, and work once NATS is there.
func TestWithoutABusAnEdgeReadsAndAcceptsWrites(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	in.nats.Stop(t)
	edge, commands := in.serve("edge"), in.serve("commands,relay,reactions")
	edge.waitReady(t)
	c := in.client()
	c.signUp("alone@example.com", "creator")
	c.want(http.StatusOK, http.MethodGet, "/api/content", nil)
	began := time.Now()
	accepted := c.want(http.StatusAccepted, http.MethodPost, "/api/content", map[string]any{
		"title": "B", "slug": "accepted", "contentType": "written", "contentBody": "w",
	})
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("a write was accepted after %s", took)
	}
	waitFor(t, "a ready edge that names the cause", func() bool {
		_, body := edge.readyz()
		return body.Ready && strings.Contains(body.Checks["bus"], "refused")
	})
	waitFor(t, "others that are not ready", func() bool {
		status, body := commands.readyz()
		return status == http.StatusServiceUnavailable &&
			strings.Contains(body.Checks["bus"], "refused") && body.Checks["database"] == "ok"
	})
	waitFor(t, "the cause in the log", func() bool { return commands.logged("connection refused") })

	in.nats.Restart(t)
	commands.waitReady(t)
	operation := fmt.Sprint("/api/commands/", field(accepted, "data.id"))
	waitFor(t, "the outcome of the accepted write", func() bool {
		return field(c.want(http.StatusOK, http.MethodGet, operation, nil), "data.status") == "applied"
	})
	c.createWritten("after", nil)
}

// A NATS that is connected and does not respond, as one whose disk is full, costs a writer
// seconds, not its whole patience.
func TestABusThatDoesNotRespondCostsAWriterSeconds(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	edge := in.serve("edge")
	edge.waitReady(t)
	c := in.client()
	c.signUp("patient@example.com", "creator")
	silent := silentNATS(t)
	addr := freeAddress(t)
	in.serve("edge", "CODEX_NATS_URL="+silent, "CODEX_ADDR="+addr).waitReady(t)
	c.base = "http://" + addr
	began := time.Now()
	c.want(http.StatusAccepted, http.MethodPost, "/api/content", map[string]any{
		"title": "B", "slug": "accepted", "contentType": "written", "contentBody": "w",
	})
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("a write was accepted after %s", took)
	}
	if status, _, _ := c.do(http.MethodGet, "/health", nil); status != http.StatusServiceUnavailable {
		t.Errorf("health is %d", status)
	}
}

// Roles wait for a database that cannot be reached, and for its schema; they say so.
func TestRolesWaitForTheDatabaseAndItsSchema(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	in.exec(`UPDATE schema_versions SET is_applied = false
WHERE version_id = (SELECT max(version_id) FROM schema_versions)`)
	port := freeAddress(t)
	for _, roles := range []string{"edge", "commands"} {
		p := in.serve(roles, "CODEX_DATABASE_URL=postgres://codex:hush@"+port+"/codex", "CODEX_ADDR="+freeAddress(t))
		waitFor(t, "the cause", func() bool {
			status, body := p.readyz()
			return status == http.StatusServiceUnavailable && strings.Contains(body.Checks["database"], "refused")
		})
		waitFor(t, "the cause in the log", func() bool { return p.logged("refused") })
		if p.logged("hush") {
			t.Errorf("the password is in the log: %s", p.out)
		}
	}
	p := in.serve("edge,commands")
	waitFor(t, "the older schema", func() bool {
		status, body := p.readyz()
		return status == http.StatusServiceUnavailable && strings.Contains(body.Checks["schema"], "codex migrate")
	})
	in.exec(`UPDATE schema_versions SET is_applied = true`)
	p.waitReady(t)
	in.client().signUp("later@example.com", "creator")
}

// A start that NATS rejects names the cause and not the credentials.
func TestStartUpErrorsOfTheBusNameTheCause(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	server := natstest.Secured(t)
	certificate := []string{"CODEX_NATS_CERT=" + server.Cert, "CODEX_NATS_KEY=" + server.Key}
	for _, c := range []struct {
		name string
		env  []string
		want string
	}{
		{"no credentials", certificate, "Authorization Violation"},
		{"no certificate", []string{"CODEX_NATS_CREDS=" + server.Creds}, "tls"},
		{"an unknown authority", append(certificate, "CODEX_NATS_CA="), "unknown authority"},
		{"a closed port", []string{"CODEX_NATS_URL=nats://u:hush@" + freeAddress(t), "CODEX_NATS_CA="}, "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{"CODEX_NATS_URL=" + server.URL, "CODEX_NATS_CA=" + server.CA}, c.env...)
			p := in.serve("relay", env...)
			waitFor(t, "the cause in the log", func() bool { return p.logged(c.want) })
			waitFor(t, "the cause in readyz", func() bool {
				_, body := p.readyz()
				return !body.Ready && strings.Contains(body.Checks["bus"], c.want)
			})
			if p.logged("hush") {
				t.Errorf("the password is in the log: %s", p.out)
			}
		})
	}
	missing := in.serve("relay", "CODEX_NATS_CREDS=/nowhere/hush.creds")
	missing.within(t, 30*time.Second)
	if !missing.logged("CODEX_NATS_CREDS") {
		t.Errorf("a missing file: %s", missing.out)
	}
}

// Credentials, an authority and a client certificate are files that variables name.
func TestRolesConnectWithCredentialsAndCertificates(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	server := natstest.Secured(t)
	p := in.serve("edge,commands,relay,reactions", "CODEX_NATS_URL="+server.URL, "CODEX_NATS_CREDS="+server.Creds,
		"CODEX_NATS_CA="+server.CA, "CODEX_NATS_CERT="+server.Cert, "CODEX_NATS_KEY="+server.Key)
	p.waitReady(t)
	c := in.client()
	c.signUp("sealed@example.com", "creator")
	c.createWritten("sealed", nil)
}

// The storage that the streams need is asked for, and stated when there is less.
func TestTooLittleStorageOfTheBusIsStated(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	limited := natstest.Limited(t, 64<<20)
	p := in.serve("commands", "CODEX_NATS_URL="+limited)
	waitFor(t, "the storage that is needed", func() bool { return p.logged("MiB of JetStream storage") })
	if p.logged("panic") {
		t.Errorf("%s", p.out)
	}
	smaller := in.serve("commands", "CODEX_NATS_URL="+limited, "CODEX_NATS_COMMAND_BYTES=8MiB",
		"CODEX_NATS_EVENT_BYTES=16MiB")
	smaller.waitReady(t)
}

// silentNATS accepts connections as a NATS server does, and responds to nothing else.
func silentNATS(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go respondToPings(conn)
		}
	}()
	return "nats://" + listener.Addr().String()
}

func respondToPings(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte(`INFO {"server_id":"S","version":"2.12.0","max_payload":8388608,` +
		`"headers":true,"proto":1}` + "\r\n"))
	buffer := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if strings.Contains(string(buffer[:n]), "PING\r\n") {
			_, _ = conn.Write([]byte("PONG\r\n"))
		}
	}
}
