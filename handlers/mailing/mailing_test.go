package mailing_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/mail"
	"github.com/codex-platform/codex/domain/mail/postgres"
	"github.com/codex-platform/codex/handlers"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/mailing"
)

func TestMain(m *testing.M) { handlertest.Main(m) }

const recipient = "ada@example.org"

// server is a mail server that rejects, or accepts.
type server struct {
	rejects bool
	got     []mail.Mail
}

func (s *server) Send(_ context.Context, m mail.Mail) error {
	if s.rejects {
		return errors.New("550 <" + recipient + ">: user unknown")
	}
	s.got = append(s.got, m)
	return nil
}

// harness is an installation with a mail server and a clock that tests move.
type harness struct {
	*handlertest.Harness
	module handlers.Module
	server *server
	at     time.Time
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{
		Harness: handlertest.New(t, handlertest.Options{}),
		server:  &server{rejects: true},
		at:      time.Now().UTC(),
	}
	h.module = mailing.New(mailing.Config{
		Pool:   h.Pool,
		Sender: h.server,
		Now:    func() time.Time { return h.at },
		Log:    h.Logger,
	})
	return h
}

// rejected stores a mail and delivers it until it is given up. It returns its dead letter.
func (h *harness) rejected(template mail.Template) (mail.Mail, commands.Letter) {
	h.Helper()
	m := mail.Mail{
		ID:        uuid.NewString(),
		Template:  template,
		Recipient: recipient,
		SourceID:  uuid.NewString(),
		Subject:   "Welcome",
		Text:      "Welcome.\n",
		HTML:      "<p>Welcome.</p>",
		Created:   h.at,
	}
	err := pgx.BeginFunc(h.Context(), h.Pool, func(tx pgx.Tx) error { return postgres.Insert(h.Context(), tx, m) })
	if err != nil {
		h.Fatal(err)
	}
	for h.Number(`SELECT count(*) FROM mails WHERE status = 'pending'`) > 0 {
		handlertest.Run(h, h.module, "mail.deliver")
		h.at = h.at.Add(4 * time.Hour)
	}
	open := h.letters()
	if len(open) != 1 {
		h.Fatalf("%d dead letters", len(open))
	}
	return m, open[0]
}

func (h *harness) letters() []commands.Letter {
	h.Helper()
	open, err := commands.DeadLetters{Pool: h.Pool}.List(h.Context(), false)
	if err != nil {
		h.Fatal(err)
	}
	return open
}

func (h *harness) retry(letter commands.Letter) {
	h.Helper()
	if err := (commands.DeadLetters{Pool: h.Pool}).Retry(h.Context(), letter); err != nil {
		h.Fatal(err)
	}
}

func TestMailThatIsRejectedForADayIsADeadLetterAndIsSentAfterARetry(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	m, letter := h.rejected(mail.Welcome)
	if letter.MessageID != m.ID || letter.Attempts < 2 || !strings.Contains(letter.Error, "550") {
		t.Errorf("the letter is %+v", letter)
	}
	if text := letter.Error + string(letter.Body); strings.Contains(text, recipient) {
		t.Errorf("the letter holds an address: %s", text)
	}

	h.server.rejects = false
	h.retry(letter)
	handlertest.Run(h, h.module, "mail.retry_letters")
	handlertest.Run(h, h.module, "mail.deliver")
	if len(h.server.got) != 1 || h.server.got[0].ID != m.ID || h.server.got[0].Text != m.Text {
		t.Errorf("sent %+v", h.server.got)
	}
	if open := h.letters(); len(open) != 0 {
		t.Errorf("%d letters are open", len(open))
	}
}

func TestMailWithALinkThatWasErasedIsNotRetried(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, letter := h.rejected(mail.PasswordReset)
	h.server.rejects = false
	h.retry(letter)
	for _, job := range h.module.Jobs {
		if job.Name == "mail.retry_letters" {
			if _, err := job.Run(t.Context()); err == nil {
				t.Error("the retry did not fail")
			}
		}
	}
	handlertest.Run(h, h.module, "mail.deliver")
	open := h.letters()
	if len(h.server.got) != 0 || len(open) != 1 || !strings.Contains(open[0].Error, "ask for a new one") {
		t.Errorf("sent %+v, letters %+v", h.server.got, open)
	}
}
