package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/wire"
)

// keySpace is the name space of command ids that come from an Idempotency-Key.
var keySpace = uuid.MustParse("6f1f2a52-8e0c-5d0e-9b57-0f6e9d2f4c11")

// command builds the command that a request asks for.
func (e *Edge) command(c *gin.Context, typ, actor, aggregate string, payload any) (events.Command, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return events.Command{}, fmt.Errorf("marshal %s: %w", typ, err)
	}
	if int64(len(body)) > e.cfg.Dispatcher.MaxPayload() {
		return events.Command{}, errBodyTooLarge // a row of it could never be sent
	}
	id, err := commandID(c, actor)
	if err != nil {
		return events.Command{}, err
	}
	return events.Command{
		ID: id, Type: typ, ActorID: actor, AggregateID: aggregate, Payload: body,
		Target: c.Request.Method + " " + c.Request.URL.RequestURI(), IssuedAt: e.cfg.Now().UTC(), CorrelationID: c.GetString(requestIDKey), TraceParent: bus.TraceParent(c.Request.Context()),
	}, nil
}

func commandID(c *gin.Context, actor string) (string, error) {
	key := c.GetHeader("Idempotency-Key")
	if key == "" {
		return newID(), nil
	}
	if len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return "", errBadKey
	}
	return uuid.NewSHA1(keySpace, []byte(actor+"\x00"+key)).String(), nil
}

// newID returns a UUIDv7. It panics only when the system has no randomness.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// apply sends the command that the signed-in user asks for and answers with its
// outcome.
func (e *Edge) apply(c *gin.Context, typ, aggregate string, payload any) error {
	cmd, err := e.command(c, typ, mustActor(c).UserID, aggregate, payload)
	if err != nil {
		return err
	}
	return e.answer(c, cmd)
}

// answer sends a command and answers with its outcome, or with 202.
func (e *Edge) answer(c *gin.Context, cmd events.Command) error {
	reply, accepted, err := e.outcome(c, cmd)
	if err != nil {
		return err
	}
	tell(c, cmd, reply, accepted)
	return nil
}

// tell answers with an outcome, or with 202.
func tell(c *gin.Context, cmd events.Command, reply events.Reply, accepted bool) {
	if !accepted {
		writeReply(c, reply)
		return
	}
	c.Header("Location", "/api/commands/"+cmd.ID)
	c.JSON(http.StatusAccepted, wire.Single{Data: wire.Accepted{ID: cmd.ID, Status: "accepted"}})
}

func writeReply(c *gin.Context, reply events.Reply) {
	if len(reply.Body) == 0 {
		c.Status(reply.Status)
		return
	}
	c.Data(reply.Status, "application/json; charset=utf-8", reply.Body)
}

// outcome sends a command and returns its outcome. accepted says that the command
// will be applied, but was not yet: its row is committed.
func (e *Edge) outcome(c *gin.Context, cmd events.Command) (reply events.Reply, accepted bool, err error) {
	if c.GetHeader("Idempotency-Key") != "" {
		if reply, found, err := e.stored(c, cmd); err != nil || found {
			return reply, false, err
		}
	}
	if prefersAsync(c) {
		return e.accept(c, cmd, true)
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), e.cfg.Wait)
	defer cancel()
	reply, err = e.cfg.Dispatcher.Send(ctx, cmd)
	switch {
	case err == nil && reply.PayloadHash != cmd.PayloadHash():
		return events.Reply{}, false, errKeyReused
	case err == nil:
		return reply, false, nil
	default:
		// The client may have gone away; what it asked for is kept all the same.
		return e.accept(c, cmd, errors.Is(err, bus.ErrNotPublished))
	}
}

func prefersAsync(c *gin.Context) bool {
	for _, header := range c.Request.Header.Values("Prefer") {
		for part := range strings.SplitSeq(header, ",") {
			if strings.EqualFold(strings.TrimSpace(part), "respond-async") {
				return true
			}
		}
	}
	return false
}

// stored returns the outcome of a command that was applied before.
func (e *Edge) stored(ctx context.Context, cmd events.Command) (reply events.Reply, found bool, err error) {
	return commands.Ledger{DB: e.cfg.Pool}.Replay(ctx, cmd, commands.SamePayload)
}

// accept commits the command's row and only then says that it is accepted. When
// the outcome is there already, it returns that. publish says whether the command
// still has to be sent; if that fails the sweeper sends it.
func (e *Edge) accept(c *gin.Context, cmd events.Command, publish bool) (events.Reply, bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), 5*time.Second)
	defer cancel()
	if err := (commands.Ledger{DB: e.cfg.Pool}).Accept(ctx, cmd); err != nil {
		return events.Reply{}, false, err
	}
	reply, found, err := e.stored(ctx, cmd)
	if err != nil || found {
		return reply, false, err
	}
	if publish {
		if err := e.cfg.Dispatcher.Publish(ctx, cmd); err != nil {
			e.cfg.Log.WarnContext(ctx, "accepted command waits for the sweeper", "command", cmd.ID, "error", err)
		}
	}
	return events.Reply{}, true, nil
}
