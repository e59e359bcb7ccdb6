package commands_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/handlertest"
)

var errTaken = domain.NewError(domain.Conflict, "TAKEN", "It is taken")

func newLedger(t *testing.T) (*handlertest.Harness, commands.Ledger) {
	t.Helper()
	w := handlertest.New(t, handlertest.Options{})
	return w, commands.Ledger{DB: w.Pool}
}

func request(word string) events.Command {
	return newCommand("account.sign_up", "", "", map[string]string{"name": word})
}

func TestLedgerReplaysOnlyTheSameRequest(t *testing.T) {
	t.Parallel()
	_, ledger := newLedger(t)
	ctx := t.Context()
	cmd := request("Ada")
	if _, found, err := ledger.Replay(ctx, cmd, commands.SamePayload); found || err != nil {
		t.Fatalf("replayed before it was claimed: %v, %v", found, err)
	}
	if claimed, err := ledger.Claim(ctx, cmd, cmd.PayloadHash()); !claimed || err != nil {
		t.Fatalf("claim: %v, %v", claimed, err)
	}
	if claimed, err := ledger.Claim(ctx, cmd, cmd.PayloadHash()); claimed || err != nil {
		t.Fatalf("second claim: %v, %v", claimed, err)
	}
	if err := ledger.Finish(ctx, cmd.ID, "ada", "", json.RawMessage(`{"name":"Ada"}`)); err != nil {
		t.Fatal(err)
	}

	reply, found, err := ledger.Replay(ctx, cmd, commands.SamePayload)
	if !found || err != nil || reply.Status != http.StatusOK || string(reply.Body) != `{"name":"Ada"}` {
		t.Errorf("replay: %+v, %v, %v", reply, found, err)
	}
	other := request("Grace")
	other.ID = cmd.ID
	renamed := cmd
	renamed.Type = "account.sign_in"
	for _, reused := range []events.Command{other, renamed} {
		if _, _, err := ledger.Replay(ctx, reused, commands.SamePayload); !errors.Is(err, commands.ErrKeyReused) {
			t.Errorf("%s %s: %v, want ErrKeyReused", reused.Type, reused.Payload, err)
		}
	}
	accepting := func(context.Context, string, string) (bool, error) { return true, nil }
	if _, found, err := ledger.Replay(ctx, other, accepting); !found || err != nil {
		t.Errorf("the given comparison does not decide: %v, %v", found, err)
	}
}

func TestRejectionDoesNotReplaceAnOutcome(t *testing.T) {
	t.Parallel()
	_, ledger := newLedger(t)
	ctx := t.Context()
	cmd := request("Ada")
	for range 2 {
		if err := ledger.Reject(ctx, cmd, cmd.PayloadHash(), errTaken); err != nil {
			t.Fatal(err)
		}
	}
	if err := ledger.Reject(ctx, cmd, cmd.PayloadHash(), commands.ErrKeyReused); err != nil {
		t.Fatal(err)
	}
	rec, found, err := ledger.Find(ctx, cmd.ID)
	if err != nil || !found || rec.Status != commands.StatusRejected || rec.ResponseStatus != http.StatusConflict {
		t.Errorf("record %+v, %v, %v", rec, found, err)
	}
}

func TestAcceptedCommandIsFoundWithoutAnOutcome(t *testing.T) {
	t.Parallel()
	_, ledger := newLedger(t)
	ctx := t.Context()
	cmd := newCommand("content.publish", "ada", uuid.NewString(), struct{}{})
	if err := ledger.Accept(ctx, cmd); err != nil {
		t.Fatal(err)
	}
	rec, found, err := ledger.Find(ctx, cmd.ID)
	if err != nil || !found || rec.Finished() || rec.FinishedAt != nil || rec.ActorID != "ada" || rec.Type != cmd.Type {
		t.Errorf("record %+v, %v, %v", rec, found, err)
	}
	if _, found, err := ledger.Replay(ctx, cmd, commands.SamePayload); found || err != nil {
		t.Errorf("replayed without an outcome: %v, %v", found, err)
	}
}

func TestErasureRejectsWaitingCommandsAndRemovesResponses(t *testing.T) {
	t.Parallel()
	_, ledger := newLedger(t)
	ctx := t.Context()
	waiting := newCommand("content.publish", "ada", uuid.NewString(), struct{}{})
	if err := ledger.Accept(ctx, waiting); err != nil {
		t.Fatal(err)
	}
	own, about, foreign := request("own"), request("about"), request("foreign")
	for cmd, body := range map[*events.Command]string{&own: `{"x":1}`, &about: `{"member":"ada"}`, &foreign: `{"x":2}`} {
		if _, err := ledger.Claim(ctx, *cmd, cmd.PayloadHash()); err != nil {
			t.Fatal(err)
		}
		actor := "grace"
		if cmd == &own {
			actor = "ada"
		}
		if err := ledger.Finish(ctx, cmd.ID, actor, "", json.RawMessage(body)); err != nil {
			t.Fatal(err)
		}
	}

	if err := ledger.Erase(ctx, "ada", errTaken, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cmd    events.Command
		status int
		body   bool
	}{
		{waiting, http.StatusConflict, false},
		{own, http.StatusOK, false},
		{about, http.StatusOK, false},
		{foreign, http.StatusOK, true},
	} {
		rec, _, err := ledger.Find(ctx, c.cmd.ID)
		if err != nil || !rec.Finished() || rec.ResponseStatus != c.status || (rec.ResponseBody != nil) != c.body {
			t.Errorf("%s: %+v, %v", c.cmd.Payload, rec, err)
		}
	}
}
