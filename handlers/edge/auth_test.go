package edge_test

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestSessionTokenIsReadFromEveryCookieNameOursFirst(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	user := w.User("creator")
	for _, token := range []string{"a", "abc", "b", "c", "d"} {
		hash := sha256.Sum256([]byte(token))
		w.Exec(`INSERT INTO sessions (id, token_hash, user_id, expires_at)
			VALUES ($1, $2, $3, now() + interval '1 day')`, token, hash[:], user)
	}
	for header, want := range map[string]string{
		"":                               "",
		"other=x":                        "",
		"codex-session=":                 "",
		"codex-session=abc":              "abc",
		"codex-session=abc.signature":    "abc",
		"better-auth.session_token=a%2E": "a",
		"__Secure-better-auth.session_token=b; codex-session=c": "c",
		"codex-session=; __Secure-codex-session=d":              "d",
		"codex-session=a; codex-session=b":                      "a",
		"codex-session=%zz":                                     "",
		";;;=;=a":                                               "",
	} {
		got := w.send(http.MethodGet, "/test/session", nil, "Cookie", header)
		if want == "" {
			if got.Status != http.StatusUnauthorized {
				t.Errorf("%q: %d %s, want 401", header, got.Status, got.Body)
			}
			continue
		}
		var session string
		if err := json.Unmarshal([]byte(got.Body), &session); err != nil || session != want {
			t.Errorf("%q: %d %s, want session %q", header, got.Status, got.Body, want)
		}
	}
}

func TestSignedRequestIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{})
	const target = "/test/signed?x=1"
	send := func(nonce, body string) answer {
		r := workersig.Request{
			Method:    http.MethodPost,
			Target:    target,
			Body:      []byte(`{"a":1}`),
			Timestamp: strconv.FormatInt(time.Now().Unix(), 10),
			Nonce:     nonce,
		}
		return w.send(http.MethodPost, target, body,
			workersig.SignatureHeader, w.Workers.Sign(r),
			workersig.TimestampHeader, r.Timestamp,
			workersig.NonceHeader, nonce)
	}

	if got := send("0123456789abcdef", `{"a":1}`); got.Status != http.StatusOK || got.Body != `"{\"a\":1}"` {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if got := send("0123456789abcdef", `{"a":1}`); !rejectedAs(got, workersig.ErrReplayed.Reason) {
		t.Errorf("the same request again: %d %s", got.Status, got.Body)
	}
	if got := send("fedcba9876543210", `{"a":2}`); !rejectedAs(got, workersig.ErrInvalidSignature.Reason) {
		t.Errorf("another body: %d %s", got.Status, got.Body)
	}
	if got := send("fedcba9876543210", `{"a":1}`); got.Status != http.StatusOK {
		t.Errorf("a rejected request used up its nonce: %d %s", got.Status, got.Body)
	}

	w.Exec(`UPDATE worker_nonces SET expires_at = now() - interval '1 second'`)
	if got := send("aNonceThatIsNewer", `{"a":1}`); got.Status != http.StatusOK {
		t.Errorf("a new nonce: %d %s", got.Status, got.Body)
	}
	if kept := w.Number(`SELECT count(*) FROM worker_nonces`); kept != 1 {
		t.Errorf("%d nonces are kept, want 1: expired ones are deleted", kept)
	}
}

func TestSignedRequestNeedsTheInstallationsSecret(t *testing.T) {
	t.Parallel()
	w := newHarness(t, options{change: func(cfg *edge.Config) { cfg.Workers = nil }})
	got := w.Send(handlertest.Request{
		Method: http.MethodPost,
		Path:   "/test/signed",
		Header: w.SignedByWorker(http.MethodPost, "/test/signed", nil),
	})
	if !rejectedAs(got, workersig.ErrNoSecret.Code) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

func rejectedAs(got answer, code string) bool {
	return got.Status >= http.StatusBadRequest &&
		(got.Text("error.details.context.code") == code || got.Code() == code)
}
