package handlertest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/codex-platform/codex/domain/identity/workersig"
	"github.com/codex-platform/codex/domain/media"
)

// StripeSignature is the value of Stripe-Signature for a body that was sent at a time.
func StripeSignature(body []byte, secret string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

// SignedByTranscoder is the header with which a transcoder sends a body.
func SignedByTranscoder(body []byte, secret, timestamp string) map[string]string {
	return map[string]string{
		media.TimestampHeader: timestamp,
		media.SignatureHeader: media.Sign([]byte(secret), timestamp, body),
	}
}

// SignedByWorker is the header of a request that a program of the installation sends now.
func (w *Harness) SignedByWorker(method, target string, body []byte) map[string]string {
	r := workersig.Request{
		Method:    method,
		Target:    target,
		Body:      body,
		Timestamp: strconv.FormatInt(time.Now().Unix(), 10),
		Nonce:     FlatID(),
	}
	return map[string]string{
		workersig.TimestampHeader: r.Timestamp, workersig.NonceHeader: r.Nonce, workersig.SignatureHeader: w.Workers.Sign(r),
	}
}
