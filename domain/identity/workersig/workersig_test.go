package workersig_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/identity/workersig"
)

var (
	noon   = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	secret = []byte("a secret of more than sixteen bytes")
	older  = []byte("the secret that it has replaced")
)

func at(offset time.Duration) string { return strconv.FormatInt(noon.Add(offset).Unix(), 10) }

func newKeys(t *testing.T, secrets ...[]byte) *workersig.Keys {
	t.Helper()
	k, err := workersig.NewKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// byHand signs as another program would, from the package's description.
func byHand(key []byte, message string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func write() workersig.Request {
	return workersig.Request{
		Method:    "POST",
		Target:    "/internal/media/1/transcode?x=1",
		Body:      []byte(`{"priority":1}`),
		Timestamp: at(0),
		Nonce:     "0123456789abcdef",
	}
}

func TestTheSignatureIsTheOneThatIsDescribed(t *testing.T) {
	t.Parallel()
	r := write()
	want := byHand(
		secret,
		"v2\n"+r.Timestamp+"\n0123456789abcdef\nPOST\n/internal/media/1/transcode?x=1\n{\"priority\":1}",
	)
	if got := newKeys(t, secret).Sign(r); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestASignatureIsGoodForOneRequestOnly(t *testing.T) {
	t.Parallel()
	k := newKeys(t, secret)
	signature := k.Sign(write())
	if err := k.Verify(write(), signature, noon); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*workersig.Request){
		"method": func(r *workersig.Request) { r.Method = "DELETE" },
		"path":   func(r *workersig.Request) { r.Target = "/internal/media/2/transcode?x=1" },
		"query":  func(r *workersig.Request) { r.Target = "/internal/media/1/transcode?x=2" },
		"body":   func(r *workersig.Request) { r.Body = []byte(`{"priority":2}`) },
		"time":   func(r *workersig.Request) { r.Timestamp = at(-time.Second) },
		"nonce":  func(r *workersig.Request) { r.Nonce = "fedcba9876543210" },
	} {
		r := write()
		change(&r)
		if err := k.Verify(r, signature, noon); !errors.Is(err, workersig.ErrInvalidSignature) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestAnOlderSignatureReadsButNeverWrites(t *testing.T) {
	t.Parallel()
	k := newKeys(t, secret)
	read := workersig.Request{Method: "GET", Target: "/api/organizations/1/membership/2", Timestamp: at(0)}
	if err := k.Verify(read, byHand(secret, at(0)+":"), noon); err != nil {
		t.Errorf("read: %v", err)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		r := workersig.Request{
			Method:    method,
			Target:    "/x",
			Body:      []byte("{}"),
			Timestamp: at(0),
		}
		if err := k.Verify(r, byHand(secret, at(0)+":{}"), noon); !errors.Is(err, workersig.ErrNoNonce) {
			t.Errorf("%s: %v", method, err)
		}
		r.Nonce = "0123456789abcdef"
		if err := k.Verify(r, byHand(secret, at(0)+":{}"), noon); !errors.Is(err, workersig.ErrInvalidSignature) {
			t.Errorf("%s with a nonce: %v", method, err)
		}
	}
}

func TestOldAndFutureSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	k := newKeys(t, secret)
	for _, c := range []struct {
		timestamp string
		want      error
	}{
		{at(0), nil},
		{at(-300 * time.Second), nil},
		{at(-301 * time.Second), workersig.ErrExpired},
		{at(60 * time.Second), nil},
		{at(61 * time.Second), workersig.ErrFuture},
		{"9223372036854775807", workersig.ErrFuture},
		{"", workersig.ErrNoTimestamp},
		{"-5", workersig.ErrBadTimestamp},
		{"+5", workersig.ErrBadTimestamp},
		{"05", workersig.ErrBadTimestamp},
		{"noon", workersig.ErrBadTimestamp},
		{at(0) + "000000000000000", workersig.ErrBadTimestamp},
	} {
		r := write()
		r.Timestamp = c.timestamp
		if err := k.Verify(r, k.Sign(r), noon); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.timestamp, err, c.want)
		}
	}
}

func TestWrongSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	k := newKeys(t, secret)
	good := k.Sign(write())
	for given, want := range map[string]error{
		"":                                 workersig.ErrUnsigned,
		"x":                                workersig.ErrInvalidSignature,
		good + "\n":                        workersig.ErrInvalidSignature,
		good[:len(good)-1]:                 workersig.ErrInvalidSignature,
		newKeys(t, older).Sign(write()):    workersig.ErrInvalidSignature,
		byHand(nil, string(write().Body)):  workersig.ErrInvalidSignature,
		byHand([]byte("a secret"), "what"): workersig.ErrInvalidSignature,
	} {
		if err := k.Verify(write(), given, noon); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", given, err, want)
		}
	}
	for _, nonce := range []string{
		"short", "0123456789abcde\n0",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
	} {
		r := write()
		r.Nonce = nonce
		if err := k.Verify(r, k.Sign(r), noon); !errors.Is(err, workersig.ErrNoNonce) {
			t.Errorf("nonce %q: %v", nonce, err)
		}
	}
}

func TestBothSecretsHoldDuringARotation(t *testing.T) {
	t.Parallel()
	both := newKeys(t, secret, older)
	for name, signer := range map[string]*workersig.Keys{"new": newKeys(t, secret), "old": newKeys(t, older)} {
		if err := both.Verify(write(), signer.Sign(write()), noon); err != nil {
			t.Errorf("%s secret: %v", name, err)
		}
	}
	if both.Sign(write()) != newKeys(t, secret).Sign(write()) {
		t.Error("it signs with the old secret")
	}
}

func TestSecretsThatCanBeGuessedAreRefused(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][][]byte{{}, {{}}, {[]byte("short")}, {secret, nil}} {
		if _, err := workersig.NewKeys(secrets...); err == nil {
			t.Errorf("%q are accepted", secrets)
		}
	}
}
