package edge

import (
	"bytes"
	"io"

	"github.com/gin-gonic/gin"

	"github.com/codex-platform/codex/domain/identity/postgres"
	"github.com/codex-platform/codex/domain/identity/workersig"
)

// verifyWorker checks that a request comes from a program which knows the secret of
// this installation; see package workersig. The body can be read as usual afterwards. A
// request that may change something is taken once: its nonce is remembered.
func (e *Edge) verifyWorker(c *gin.Context) error {
	if e.cfg.Workers == nil {
		return workersig.ErrNoSecret
	}
	body, err := readBody(c, MaxJSONBytes, e.cfg.BodyWithin)
	if err != nil {
		return err
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	r := workersig.Request{
		Method: c.Request.Method, Target: c.Request.URL.RequestURI(), Body: body,
		Timestamp: c.GetHeader(workersig.TimestampHeader), Nonce: c.GetHeader(workersig.NonceHeader),
	}
	now := e.now()
	if err := e.cfg.Workers.Verify(r, c.GetHeader(workersig.SignatureHeader), now); err != nil {
		return err
	}
	if !r.Writes() {
		return nil
	}
	fresh, err := postgres.UseNonce(c, e.cfg.Pool, r.Nonce, now.Add(workersig.Remember), now)
	if err == nil && !fresh {
		err = workersig.ErrReplayed
	}
	return err
}
