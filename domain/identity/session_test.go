package identity_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/identity"
	"github.com/codex-platform/codex/events"
)

func TestASessionIsItsOwnAggregate(t *testing.T) {
	t.Parallel()
	s, facts := identity.Start(
		"s1",
		identity.User{ID: "u1", Version: 7},
		"192.0.2.1",
		strings.Repeat("ü", 300),
		true,
		noon,
	)
	if len(facts) != 1 || facts[0] != (events.Fact{
		Tenant:      "u1",
		AggregateID: "s1",
		Version:     1,
		Payload:     events.SessionStarted{UserID: "u1", SessionID: "s1"},
	}) {
		t.Fatalf("facts %+v", facts)
	}
	if want := (events.Fact{
		Tenant:      "u1",
		AggregateID: "s1",
		Version:     2,
		Payload:     events.SessionRevoked{UserID: "u1", SessionID: "s1"},
	}); s.Revoked() != want {
		t.Fatalf("revoked %+v", s.Revoked())
	}
	if len([]rune(s.UserAgent)) != 255 || !s.ExpiresAt.Equal(noon.Add(24*time.Hour)) {
		t.Fatalf("session %+v", s)
	}
}

func TestASessionIsRenewedInTheSecondHalfOfItsLifeUpToItsLimit(t *testing.T) {
	t.Parallel()
	s, _ := identity.Start("s1", identity.User{ID: "u1"}, "", "", true, noon)
	if _, worthIt := s.Extended(noon.Add(11 * time.Hour)); worthIt {
		t.Error("renewed in its first half")
	}
	if end, worthIt := s.Extended(noon.Add(13 * time.Hour)); !worthIt || !end.Equal(noon.Add(37*time.Hour)) {
		t.Errorf("after 13 h: %v, %v", end, worthIt)
	}
	s.ExpiresAt = noon.Add(29*24*time.Hour + 20*time.Hour)
	if end, worthIt := s.Extended(noon.Add(29*24*time.Hour + 15*time.Hour)); !worthIt ||
		!end.Equal(noon.Add(30*24*time.Hour)) {
		t.Errorf("near its limit: %v, %v", end, worthIt)
	}
	s.ExpiresAt = noon.Add(30 * 24 * time.Hour)
	if _, worthIt := s.Extended(noon.Add(30*24*time.Hour - time.Hour)); worthIt {
		t.Error("renewed at its limit")
	}
}

func TestASessionNeverOutlivesItsLimitNorShrinks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, _ := identity.Start("s1", identity.User{ID: "u1"}, "", "", true, noon)
		now := noon
		for _, pause := range rapid.SliceOfN(rapid.Int64Range(0, int64(23*time.Hour)), 1, 60).Draw(t, "pauses") {
			if now = now.Add(time.Duration(pause)); !now.Before(s.ExpiresAt) {
				return // it has ended
			}
			end, worthIt := s.Extended(now)
			if end.Before(s.ExpiresAt) || end.After(noon.Add(identity.SessionLimit)) || worthIt != end.After(s.ExpiresAt) {
				t.Fatalf("at %v: %v → %v, %v", now, s.ExpiresAt, end, worthIt)
			}
			s.ExpiresAt = end
		}
	})
}

func TestOnlyTokensParseAsTokens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var random [32]byte
		copy(random[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "random"))
		token := identity.NewToken(random)
		if parsed, ok := identity.ParseToken(string(token)); !ok || parsed != token || len(token) != 43 {
			t.Fatalf("%q is not read back", token)
		}
		for _, other := range []string{
			"", string(token)[1:], string(token) + "A", string(token) + "=",
			string(token) + "\n", "+" + string(token)[1:],
		} {
			if _, ok := identity.ParseToken(other); ok {
				t.Fatalf("%q is a token", other)
			}
		}
	})
}

func TestTheVerificationMailHasTheLinkAndNoTextOfTheUser(t *testing.T) {
	t.Parallel()
	token := identity.NewToken([32]byte{1})
	user := identity.User{ID: "u1", Name: "Win money at https://evil.test", Email: "ada@example.org"}
	v := identity.NewVerification("v1", identity.ProveEmail, user.ID, user.Email, token, noon)
	link := identity.VerificationLink("https://codex.test", token, "/library?tab=1&x=<")
	mail, err := identity.VerificationMail("m1", v, link)
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://codex.test/api/auth/verify-email?callbackURL=%2Flibrary%3Ftab%3D1%26x%3D%3C&token=" + string(
		token); link != want {
		t.Errorf("link %s, want %s", link, want)
	}
	if !strings.Contains(mail.Text, link+"\n") ||
		!strings.Contains(mail.HTML, `href="`+strings.ReplaceAll(link, "&", "&amp;")+`"`) {
		t.Errorf("the link is missing in %q or %q", mail.Text, mail.HTML)
	}
	if strings.Contains(mail.Text+mail.HTML+mail.Subject, "evil") {
		t.Error("the mail carries the words of who signed up")
	}
	if mail.Recipient != user.Email || mail.SourceID != "v1" || !mail.Template.Secret() {
		t.Errorf("mail %+v", mail)
	}
	if v.Hash != token.Hash() || !v.ExpiresAt.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("verification %+v", v)
	}
}

func TestThrottledCarriesTheWaitInWholeSeconds(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]int64{
		-time.Second: 1, 0: 1, time.Millisecond: 1,
		1500 * time.Millisecond: 2, 15 * time.Minute: 900,
	} {
		err := identity.Throttled(wait)
		if err.Class != domain.Limited || err.Context["retryAfter"] != want {
			t.Errorf("%v: %+v, want %d", wait, err, want)
		}
	}
}

// FuzzCookieToken proves that whatever a client sends in a session cookie, what is
// looked up is a short part of it without a dot, and every token of ours is found.
func FuzzCookieToken(f *testing.F) {
	for _, seed := range []string{
		"", ".", "a.b", "..", string(identity.NewToken([32]byte{7})), "\x00",
		strings.Repeat("a", 9000), "ä.\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, ok := identity.CookieToken(value)
		if ok &&
			(token == "" || len(token) > 256 || strings.Contains(string(token), ".") ||
				!strings.HasPrefix(value, string(token))) {
			t.Fatalf("%q yields %q", value, token)
		}
		if parsed, ours := identity.ParseToken(value); ours {
			for _, cookie := range []string{value, value + ".", value + ".signature"} {
				if token, ok := identity.CookieToken(cookie); !ok || token != parsed || token.Hash() != parsed.Hash() {
					t.Fatalf("the token in %q is not found", cookie)
				}
			}
		}
	})
}
