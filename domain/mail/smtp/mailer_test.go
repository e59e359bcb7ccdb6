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
}

func (p *recordingSender) Send(_ context.Context, m mail.Mail) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail == nil {
		p.got = append(p.got, m)
	}
	return p.fail
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
	secret, plain := addMail(t, pool, mail.VerifyEmail), addMail(t, pool, "welcome")
	if n := deliver(t, newMailer(pool, sender, at)); n != 2 || len(sender.got) != 2 {
		t.Fatalf("%d claimed, %d sent", n, len(sender.got))
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

func TestARefusedMailIsRetriedWithBackoffThenGivenUp(t *testing.T) {
	t.Parallel()
	pool, at, sender := newPool(t), &clock{noon}, &recordingSender{fail: errors.New("450 mailbox busy")}
	m := addMail(t, pool, mail.VerifyEmail)
	mailer := newMailer(pool, sender, at)
	deliver(t, mailer)
	r := readMail(t, pool, m.ID)
	if r.Status != "pending" || r.Attempts != 1 || r.Error != "450 mailbox busy" || !r.Next.Equal(noon.Add(30*time.Second)) {
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
		t.Fatalf("given up as %+v", r)
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
	if r := readMail(t, pool, m.ID); r.Status != "sent" || r.Error != "" || len(sender.got) != 1 || sender.got[0].Text != m.Text {
		t.Fatalf("%+v, %+v", r, sender.got)
	}
}

func TestSeveralMailersSendEveryMailOnce(t *testing.T) {
	t.Parallel()
	pool, at, sender := newPool(t), &clock{noon}, &recordingSender{}
	const mails = 30
	for range mails {
		addMail(t, pool, "welcome")
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			mailer := newMailer(pool, sender, at)
			for {
				n, err := mailer.Deliver(t.Context())
				if err != nil {
					t.Error(err)
				}
				if n == 0 || err != nil {
					return
				}
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
		_, _ = newMailer(pool, dying{}, at).Deliver(t.Context())
	}()
	sender := &recordingSender{}
	if n := deliver(t, newMailer(pool, sender, at)); n != 0 {
		t.Fatal("the lease is not respected")
	}
	at.at = readMail(t, pool, m.ID).Next
	if n := deliver(t, newMailer(pool, sender, at)); n != 1 || len(sender.got) != 1 || sender.got[0].ID != m.ID {
		t.Fatalf("%d claimed, %+v sent", n, sender.got)
	}
}

type dying struct{}

func (dying) Send(context.Context, mail.Mail) error { panic("killed") }

func TestAWokenMailerDeliversAtOnceAndStopsOnCancel(t *testing.T) {
	t.Parallel()
	pool, at, sender := newPool(t), &clock{noon}, &recordingSender{}
	wake := make(chan struct{}, 1)
	mailer := newMailer(pool, sender, at)
	mailer.Poll, mailer.Wake = time.Hour, wake
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- mailer.Run(ctx) }()
	m := addMail(t, pool, "welcome")
	wake <- struct{}{}
	deadline := time.After(10 * time.Second)
	for readMail(t, pool, m.ID).Status != "sent" {
		select {
		case <-deadline:
			t.Fatal("not delivered")
		case <-time.After(2 * time.Millisecond): // look again
		}
	}
	cancel()
	select {
	case err := <-stopped:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("does not stop")
	}
}
