package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/events/bus"
	"github.com/codex-platform/codex/handlers/commands"
)

// keySpace is the name space of command ids that come from an Idempotency-Key.
var keySpace = uuid.MustParse("6f1f2a52-8e0c-5d0e-9b57-0f6e9d2f4c11")

// NewID returns a UUIDv7. It panics only when the system has no randomness.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Send sends the route's command for the signed-in user and writes its outcome.
func (r *Request) Send(aggregate string, payload any) error {
	cmd, err := r.NewCommand(r.route.Command, r.Actor().UserID, aggregate, payload)
	if err != nil {
		return err
	}
	return r.SendCommand(cmd)
}

// SendForID returns the handler of a route whose only input is the path's id: it sends the
// route's command with this payload.
func SendForID(payload any) func(*Request) error {
	return func(r *Request) error {
		if err := r.NoBody(); err != nil {
			return err
		}
		return r.Send(r.UUID("id"), payload)
	}
}

// SendCommand sends a command and writes its outcome, or 202.
func (r *Request) SendCommand(cmd events.Command) error {
	reply, pending, err := r.Outcome(cmd)
	if err != nil {
		return err
	}
	r.WriteOutcome(cmd, reply, pending)
	return nil
}

// NewCommand returns a command that the route declares, with the id of
// [Request.CommandID].
func (r *Request) NewCommand(name, actor, aggregate string, payload any) (events.Command, error) {
	if name != r.route.Command && !slices.Contains(r.route.Sends, name) {
		return events.Command{}, fmt.Errorf("route %s does not declare the command %q", r.route.Name, name)
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return events.Command{}, fmt.Errorf("marshal %s: %w", name, err)
	}
	if int64(len(body)) > r.edge.cfg.Dispatcher.MaxPayload() {
		return events.Command{}, ErrBodyTooLarge // the bus would never accept it
	}
	id, err := r.CommandID(actor)
	if err != nil {
		return events.Command{}, err
	}
	return events.Command{
		ID:            id,
		Type:          name,
		ActorID:       actor,
		AggregateID:   aggregate,
		Payload:       body,
		Target:        r.Request.Method + " " + r.Request.URL.RequestURI(),
		IssuedAt:      r.edge.cfg.Now().UTC(),
		CorrelationID: r.ID(),
		TraceParent:   bus.TraceParent(r.Request.Context()),
	}, nil
}

// CommandID returns the id of the request's command: the UUIDv5 of actor and
// Idempotency-Key, without that header a fresh UUIDv7.
func (r *Request) CommandID(actor string) (string, error) {
	key := r.IdempotencyKey()
	if key == "" {
		return NewID(), nil
	}
	if len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c < 0x21 || c > 0x7e }) {
		return "", errBadKey
	}
	return uuid.NewSHA1(keySpace, []byte(actor+"\x00"+key)).String(), nil
}

// IdempotencyKey returns the header Idempotency-Key.
func (r *Request) IdempotencyKey() string { return r.GetHeader("Idempotency-Key") }

// WriteOutcome writes a command's outcome, or 202 with the operation's address.
func (r *Request) WriteOutcome(cmd events.Command, reply events.Reply, pending bool) {
	if !pending {
		r.WriteReply(reply)
		return
	}
	r.Header("Location", "/api/commands/"+cmd.ID)
	r.JSON(http.StatusAccepted, Single{Data: accepted{ID: cmd.ID, Status: "accepted"}})
}

// WriteReply writes the stored response of a command.
func (r *Request) WriteReply(reply events.Reply) {
	if len(reply.Body) == 0 {
		r.Status(reply.Status)
		return
	}
	r.Data(reply.Status, "application/json; charset=utf-8", reply.Body)
}

// Outcome sends a command and returns its outcome. pending says that the command has no
// outcome yet; its row is committed, so it will be applied.
func (r *Request) Outcome(cmd events.Command) (reply events.Reply, pending bool, err error) {
	if r.IdempotencyKey() != "" {
		if reply, found, err := r.Replay(cmd); err != nil || found {
			return reply, false, err
		}
	}
	if r.prefersAsync() {
		return r.accept(cmd, true)
	}
	wait := r.edge.cfg.Wait
	if r.route.Wait > 0 {
		wait = min(wait, r.route.Wait)
	}
	ctx, cancel := context.WithTimeout(r.Request.Context(), wait)
	defer cancel()
	reply, err = r.edge.cfg.Dispatcher.Send(ctx, cmd)
	switch {
	case err == nil && reply.PayloadHash != cmd.PayloadHash():
		return events.Reply{}, false, commands.ErrKeyReused
	case err == nil:
		reply, err = r.WithBody(cmd.Type, reply)
		return reply, false, err
	default:
		// The client may have disconnected; the command is stored all the same.
		return r.accept(cmd, errors.Is(err, bus.ErrNotPublished))
	}
}

func (r *Request) prefersAsync() bool {
	for _, header := range r.Request.Header.Values("Prefer") {
		for part := range strings.SplitSeq(header, ",") {
			if strings.EqualFold(strings.TrimSpace(part), "respond-async") {
				return true
			}
		}
	}
	return false
}

// Replay returns the outcome of a command that was applied before. It fails with
// [commands.ErrKeyReused] when the Idempotency-Key was used for another request, and with the
// error of its reader when the caller may no longer see the resource that the response shows.
func (r *Request) Replay(cmd events.Command) (reply events.Reply, found bool, err error) {
	reply, found, err = r.ledger().Replay(r, cmd, commands.SamePayload)
	if err == nil && found {
		reply, err = r.WithBody(cmd.Type, reply)
	}
	return reply, found, err
}

func (r *Request) ledger() commands.Ledger { return commands.Ledger{DB: r.edge.cfg.Pool} }

// accept commits the command's row, so that the response may be 202. When the outcome
// exists already, it returns that. publish says whether the command still has to be
// published; if that fails, the sweeper publishes it.
func (r *Request) accept(cmd events.Command, publish bool) (events.Reply, bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Request.Context()), 5*time.Second)
	defer cancel()
	if err := r.ledger().Accept(ctx, cmd); err != nil {
		return events.Reply{}, false, err
	}
	reply, found, err := r.ledger().Replay(ctx, cmd, commands.SamePayload)
	if err == nil && found {
		reply, err = r.WithBody(cmd.Type, reply)
	}
	if err != nil || found {
		return reply, false, err
	}
	if publish {
		if err := r.edge.cfg.Dispatcher.Publish(ctx, cmd); err != nil {
			r.Log().WarnContext(ctx, "accepted command waits for the sweeper", "command", cmd.ID, "error", err)
		}
	}
	return events.Reply{}, true, nil
}
