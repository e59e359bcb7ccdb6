package organizations_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/handlers/handlertest"
)

// olderSignature signs as clients of the original do: "{unix seconds}:{raw body}".
func olderSignature(secret []byte, timestamp string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(timestamp + ":"))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestProgramsReadMembershipsWithASignedRequest(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	c := w.club("told")
	_, id := c.join("reader", "creator")
	path := "/api/organizations/" + c.id + "/membership/" + id
	ask := func(path string, headers ...string) handlertest.Answer {
		return w.anonymous().call(http.MethodGet, path, nil, headers...)
	}
	at := func(offset time.Duration) string { return strconv.FormatInt(w.Now().Add(offset).Unix(), 10) }
	signed := func(path, timestamp, nonce string) []string {
		r := workersig.Request{
			Method:    http.MethodGet,
			Target:    path,
			Timestamp: timestamp,
			Nonce:     nonce,
		}
		return []string{
			workersig.SignatureHeader,
			w.Workers.Sign(r),
			workersig.TimestampHeader,
			timestamp,
			workersig.NonceHeader,
			nonce,
		}
	}
	older := func(secret []byte, timestamp string) []string {
		return []string{workersig.SignatureHeader, olderSignature(secret, timestamp), workersig.TimestampHeader, timestamp}
	}

	for name, headers := range map[string][]string{
		"the older form":                                       older(workerSecrets[0], at(0)),
		"the secret that is being replaced":                    older(workerSecrets[1], at(0)),
		"a signature over method and path":                     signed(path, at(0), "0123456789abcdef"),
		"a repeated signature, because a read changes nothing": signed(path, at(0), "0123456789abcdef"),
	} {
		got := ask(path, headers...)
		if got.Status != http.StatusOK || got.Text("data.role") != "creator" || got.Text("data.joinedAt") == "" {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
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
		ask(path, headers...).Want(http.StatusUnauthorized, want)
	}
	c.owner.get(path).Want(http.StatusUnauthorized, "UNAUTHORIZED")

	c.remove(c.owner, id).Want(http.StatusNoContent, "")
	w.member("told-asked@example.org")
	c.invite(c.owner, "told-asked@example.org", "admin").Want(http.StatusCreated, "")
	for name, user := range map[string]string{
		"removed": id, "invited": w.userID("told-asked@example.org"),
		"nobody": "nobody",
	} {
		got := ask("/api/organizations/"+c.id+"/membership/"+user, older(workerSecrets[0], at(0))...).Want(http.StatusOK, "")
		if got.At("data.role") != nil || got.At("data.joinedAt") != nil {
			t.Errorf("%s: %s", name, got.Body)
		}
	}
	ask("/api/organizations/"+c.id+"/membership/not_alphanumeric", older(workerSecrets[0], at(0))...).WantFields("userId")
}
