package accounts_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/identity/workersig"
)

// workerSecrets are the new secret and the one it replaces.
var workerSecrets = [][]byte{[]byte("the secret of other programs"), []byte("the secret before it")}

func (w *world) workers(t *testing.T) *workersig.Keys {
	t.Helper()
	keys, err := workersig.NewKeys(workerSecrets...)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// olderSignature signs as clients of the original do: "{unix seconds}:{raw body}".
func olderSignature(secret []byte, timestamp string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(timestamp + ":"))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestOtherProgramsAreToldOfMembershipsWhenTheySign(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{bus: true})
	c := w.club(t, "told")
	_, id := c.join(t, "reader", "creator")
	path := "/api/organizations/" + c.id + "/membership/" + id
	ask := func(path string, headers ...string) answer {
		return w.browser(t).call(t, http.MethodGet, path, nil, headers...)
	}
	at := func(offset time.Duration) string { return strconv.FormatInt(w.now().Add(offset).Unix(), 10) }
	signed := func(path, timestamp, nonce string) []string {
		r := workersig.Request{Method: http.MethodGet, Target: path, Timestamp: timestamp, Nonce: nonce}
		return []string{workersig.SignatureHeader, w.workers(t).Sign(r), workersig.TimestampHeader, timestamp, workersig.NonceHeader, nonce}
	}
	older := func(secret []byte, timestamp string) []string {
		return []string{workersig.SignatureHeader, olderSignature(secret, timestamp), workersig.TimestampHeader, timestamp}
	}

	for name, headers := range map[string][]string{
		"the older form":                     older(workerSecrets[0], at(0)),
		"the secret that is being replaced":  older(workerSecrets[1], at(0)),
		"a signature over method and path":   signed(path, at(0), "0123456789abcdef"),
		"the same once more, for it is read": signed(path, at(0), "0123456789abcdef"),
	} {
		got := ask(path, headers...)
		if got.status != http.StatusOK || got.text("data.role") != "creator" || got.text("data.joinedAt") == "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	for want, headers := range map[string][]string{
		"MISSING_SIGNATURE": nil,
		"MISSING_TIMESTAMP": {workersig.SignatureHeader, olderSignature(workerSecrets[0], at(0))},
		"INVALID_TIMESTAMP": {workersig.SignatureHeader, "x", workersig.TimestampHeader, "soon"},
		"TIMESTAMP_EXPIRED": older(workerSecrets[0], at(-302*time.Second)),
		"TIMESTAMP_FUTURE":  older(workerSecrets[0], at(90*time.Second)),
		"INVALID_SIGNATURE": signed("/api/organizations/"+c.id+"/membership/another", at(0), "0123456789abcdef"),
	} {
		if got := ask(path, headers...).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED"); got.code() != want {
			t.Errorf("%s, want %s", got.body, want)
		}
	}
	c.owner.get(t, path).wantError(t, http.StatusUnauthorized, "UNAUTHORIZED")

	c.remove(t, c.owner, id).want(t, http.StatusNoContent)
	w.member(t, "told-asked@example.org")
	c.invite(t, c.owner, "told-asked@example.org", "admin").want(t, http.StatusCreated)
	for name, user := range map[string]string{"removed": id, "invited": w.userID(t, "told-asked@example.org"), "nobody": "nobody"} {
		got := ask("/api/organizations/"+c.id+"/membership/"+user, older(workerSecrets[0], at(0))...).want(t, http.StatusOK)
		if got.at("data.role") != nil || got.at("data.joinedAt") != nil {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	ask("/api/organizations/"+c.id+"/membership/not_alphanumeric", older(workerSecrets[0], at(0))...).wantFields(t, "userId")
}
