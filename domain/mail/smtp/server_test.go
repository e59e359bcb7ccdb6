package smtp_test

import (
	"bufio"
	"context"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/mail/smtp"
)

// testServer is a minimal SMTP server. It refuses recipients of refused.example.
type testServer struct {
	port    int
	letters chan string
}

func newTestServer(t *testing.T) *testServer {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	box := &testServer{letters: make(chan string, 8)}
	box.port, _ = strconv.Atoi(port)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go box.serve(conn)
		}
	}()
	return box
}

func (b *testServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 letterbox.example ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.TrimSpace(line)); {
		case strings.HasPrefix(verb, "RCPT TO:") && strings.Contains(verb, "@REFUSED.EXAMPLE"):
			say("550 no such mailbox")
		case strings.HasPrefix(verb, "DATA"):
			say("354 go on")
			var letter strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				letter.WriteString(line)
			}
			b.letters <- letter.String()
			say("250 taken")
		case strings.HasPrefix(verb, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 letterbox.example")
		}
	}
}

func (b *testServer) server(t *testing.T, encryption smtp.Encryption) *smtp.Server {
	t.Helper()
	server, err := smtp.NewServer(smtp.ServerConfig{
		Host:       "127.0.0.1",
		Port:       b.port,
		Encryption: encryption,
		From:       "Codex <no-reply@codex.example>",
	})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestAMailArrivesWithBothBodies(t *testing.T) {
	t.Parallel()
	box := newTestServer(t)
	sent := mail.Mail{
		ID:        "0190f5d2-0000-7000-8000-000000000001",
		Recipient: "ada@example.org",
		Subject:   "Grüße",
		Text:      "the täxt: https://codex.example/?a=1\n",
		HTML:      "<p>the päge</p>",
		Created:   noon,
	}
	if err := box.server(t, smtp.None).Send(t.Context(), sent); err != nil {
		t.Fatal(err)
	}
	letter, err := netmail.ReadMessage(strings.NewReader(<-box.letters))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(letter.Header.Get("Subject"))
	if err != nil || subject != sent.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	for header, want := range map[string]string{
		"From": `"Codex" <no-reply@codex.example>`, "To": "<ada@example.org>", "Auto-Submitted": "auto-generated",
		"Message-Id": "<0190f5d2-0000-7000-8000-000000000001@codex.example>",
	} {
		if got := letter.Header.Get(header); got != want {
			t.Errorf("%s: %s, want %s", header, got, want)
		}
	}
	_, params, err := mime.ParseMediaType(letter.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(letter.Body, params["boundary"])
	for _, want := range []string{sent.Text, sent.HTML} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil || strings.TrimSpace(strings.ReplaceAll(string(body), "\r\n", "\n")) != strings.TrimSpace(want) {
			t.Errorf("body %q, %v; want %q", body, err, want)
		}
	}
}

func TestARefusedRecipientIsAnError(t *testing.T) {
	t.Parallel()
	err := newTestServer(t).server(t, smtp.None).Send(t.Context(), mail.Mail{
		ID:        "x",
		Recipient: "ada@refused.example",
		Text:      "x",
		HTML:      "x",
		Created:   noon,
	})
	if err == nil || !strings.Contains(err.Error(), "no such mailbox") {
		t.Fatalf("%v", err)
	}
}

func TestRequiredEncryptionRefusesAPlainServer(t *testing.T) {
	t.Parallel()
	box := newTestServer(t)
	if err := box.server(t, smtp.StartTLS).Send(t.Context(), mail.Mail{
		ID:        "x",
		Recipient: "ada@example.org",
		Text:      "x",
		HTML:      "x",
		Created:   noon,
	}); err == nil {
		t.Fatal("sent in clear text")
	}
	if len(box.letters) != 0 {
		t.Fatal("a letter arrived")
	}
}

func TestSendingStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newTestServer(t).server(t, smtp.None).Send(ctx, mail.Mail{
		ID:        "x",
		Recipient: "ada@example.org",
		Text:      "x",
		HTML:      "x",
		Created:   noon,
	}); err == nil {
		t.Fatal("sent")
	}
}

func TestAnInvalidConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]smtp.ServerConfig{
		"no sender":          {Host: "mail.example"},
		"no host":            {From: "a@b.example"},
		"unknown encryption": {Host: "mail.example", From: "a@b.example", Encryption: "maybe"},
		"password in clear": {
			Host: "mail.example", From: "a@b.example", Encryption: smtp.None, Username: "a",
			Password: "b",
		},
		"sender with a break": {Host: "mail.example", From: "a@b.example\r\nBcc: c@d.example"},
	} {
		if _, err := smtp.NewServer(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
