package smtp_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/mail"
)

// recordingSender is a Sender that records mails, or fails with an error.
type recordingSender struct {
	mu   sync.Mutex
	fail error
	got  []mail.Mail
	sent func() // called after a mail was sent; may be nil
}

func (s *recordingSender) Send(_ context.Context, m mail.Mail) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		s.got = append(s.got, m)
		if s.sent != nil {
			s.sent()
		}
	}
	return s.fail
}

func TestWithoutAServerMailsAreKeptForTheMailbox(t *testing.T) {
	t.Parallel()
	pool, at := newPool(t), &clock{noon}
	m := addMail(t, pool, mail.VerifyEmail)
	deliver(t, newMailer(pool, nil, at))
	if r := readMail(t, pool, m.ID); r.Status != "sent" || r.Text != m.Text || r.HTML != m.HTML || r.SentAt == nil {
		t.Fatalf("%+v", r)
	}
}

func TestADeliveredSecretIsErasedAndOtherMailsAreKept(t *testing.T) {
	t.Parallel()
	pool, at, sender := newPool(t), &clock{noon}, &recordingSender{}
	secret, plain := addMail(t, pool, mail.VerifyEmail), addMail(t, pool, mail.Welcome)
	if n := deliver(t, newMailer(pool, sender, at)); n != 2 || len(sender.got) != 2 {
		t.Fatalf("%d tried, %d sent", n, len(sender.got))
	}
	if r := readMail(t, pool, secret.ID); r.Status != "sent" || r.Text != "" || r.HTML != "" {
		t.Errorf("secret: %+v", r)
	}
	if r := readMail(t, pool, plain.ID); r.Status != "sent" || r.Text != plain.Text || r.HTML != plain.HTML {
		t.Errorf("plain: %+v", r)
	}
	if n := deliver(t, newMailer(pool, sender, at)); n != 0 {
		t.Errorf("%d mails are sent again", n)
	}
}

func TestARejectedMailIsRetriedWithBackoffUntilAttemptsAreExhausted(t *testing.T) {
	t.Parallel()
	pool, at, sender := newPool(t), &clock{noon}, &recordingSender{fail: errors.New("450 mailbox busy")}
	m := addMail(t, pool, mail.VerifyEmail)
	mailer := newMailer(pool, sender, at)
	deliver(t, mailer)
	r := readMail(t, pool, m.ID)
	if r.Status != "pending" || r.Attempts != 1 || r.Error != "450 mailbox busy" ||
		!r.Next.Equal(noon.Add(30*time.Second)) {
		t.Fatalf("after one attempt: %+v", r)
	}
	if n := deliver(t, mailer); n != 0 {
		t.Fatal("tried again at once")
	}
	var pauses []time.Duration
	for r.Status == "pending" && r.Attempts < 50 {
		pauses = append(pauses, r.Next.Sub(at.at))
		at.at = r.Next
		if n := deliver(t, mailer); n != 1 {
			t.Fatalf("not tried when due: %+v", r)
		}
		r = readMail(t, pool, m.ID)
	}
	if r.Status != "failed" || r.Attempts != 12 || r.Text != "" || r.HTML != "" {
		t.Fatalf("after the last attempt: %+v", r)
	}
	for i := 1; i < len(pauses); i++ {
		if pauses[i] < pauses[i-1] || pauses[i] > 4*time.Hour {
			t.Fatalf("pauses %v", pauses)
		}
	}
}

func TestAMailIsSentAfterItsServerRecovered(t *testing.T) {
	t.Parallel()
	pool, at, sender := newPool(t), &clock{noon}, &recordingSender{fail: errors.New("connection refused")}
	m := addMail(t, pool, mail.VerifyEmail)
	mailer := newMailer(pool, sender, at)
	deliver(t, mailer)
	sender.fail, at.at = nil, noon.Add(time.Minute)
	deliver(t, mailer)
	if r := readMail(t, pool, m.ID); r.Status != "sent" || r.Error != "" || len(sender.got) != 1 ||
		sender.got[0].Text != m.Text {
		t.Fatalf("%+v, %+v", r, sender.got)
	}
}

func TestAStoppedMailerLeavesTheRestOfItsClaim(t *testing.T) {
	t.Parallel()
	pool, at := newPool(t), &clock{noon}
	for range 3 {
		addMail(t, pool, mail.Welcome)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sender := &recordingSender{sent: cancel}
	if n, err := newMailer(pool, sender, at).DeliverDue(ctx); n != 1 || err != nil || len(sender.got) != 1 {
		t.Fatalf("%d tried, %d sent, %v", n, len(sender.got), err)
	}
	if r := readMail(t, pool, sender.got[0].ID); r.Status != "sent" {
		t.Fatalf("the mail that was sent is not marked: %+v", r)
	}
}

func TestSeveralMailersSendEveryMailOnce(t *testing.T) {
	t.Parallel()
	pool, at, sender := newPool(t), &clock{noon}, &recordingSender{}
	const mails = 30
	for range mails {
		addMail(t, pool, mail.Welcome)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := newMailer(pool, sender, at).DeliverDue(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, m := range sender.got {
		if seen[m.ID] {
			t.Fatalf("mail %s was sent twice", m.ID)
		}
		seen[m.ID] = true
	}
	if len(seen) != mails {
		t.Fatalf("%d of %d mails were sent", len(seen), mails)
	}
}

func TestTheMailOfADeadMailerIsRetriedAfterItsLease(t *testing.T) {
	t.Parallel()
	pool, at := newPool(t), &clock{noon}
	m := addMail(t, pool, mail.VerifyEmail)
	// A mailer that claims and dies before it settles: its Send panics.
	func() {
		defer func() { _ = recover() }()
		_, _ = newMailer(pool, dying{}, at).DeliverDue(t.Context())
	}()
	sender := &recordingSender{}
	if n := deliver(t, newMailer(pool, sender, at)); n != 0 {
		t.Fatal("the lease is not respected")
	}
	at.at = readMail(t, pool, m.ID).Next
	if n := deliver(t, newMailer(pool, sender, at)); n != 1 || len(sender.got) != 1 || sender.got[0].ID != m.ID {
		t.Fatalf("%d tried, %+v sent", n, sender.got)
	}
}

type dying struct{}

func (dying) Send(context.Context, mail.Mail) error { panic("killed") }
