package payments_test

import (
	"testing"
	"time"

	sandbox "github.com/codex-platform/codex/deploy/embedded/stripe"
	"github.com/codex-platform/codex/domain/purchase/postgres"
	"github.com/codex-platform/codex/handlers/handlertest"
)

func TestARefundThatTheProviderCanNeverMakeStopsWithADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.deliver(paidSession(w, w.User("customer"), w.deletedPiece(700), "pi_unknown_there", 700))
	w.Eventually(1, `SELECT count(*) FROM refund_obligations`)
	w.run(w.module, "payments.refund")
	id := w.text(`SELECT message_id FROM dead_letters WHERE consumer = 'refunds'`)
	w.Pass(24 * time.Hour)
	w.run(w.module, "payments.refund")
	if n := w.Number(`SELECT attempts FROM refund_obligations`); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}

	restarted := handlertest.Must(postgres.RestartRefund(t.Context(), w.Pool, id, w.Now()))(t)
	w.run(w.module, "payments.refund")
	if n := w.Number(`SELECT attempts FROM refund_obligations`); !restarted || n != 1 {
		t.Errorf("restarted %t, %d attempts after that, want 1", restarted, n)
	}
}

func TestARefundThatFailsForDaysStopsWithADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.deliver(paidSession(w, w.User("customer"), w.deletedPiece(700), "pi_days", 700))
	w.Eventually(1, `SELECT count(*) FROM refund_obligations`)
	w.Sandbox.SetFaults(sandbox.Faults{Down: true})
	for range 100 {
		w.Pass(2 * time.Hour)
		w.run(w.module, "payments.refund")
	}
	attempts := w.Number(`SELECT attempts FROM refund_obligations WHERE last_error IS NOT NULL AND paid_at IS NULL`)
	if attempts < 10 || attempts >= 100 {
		t.Errorf("%d attempts", attempts)
	}
	if n := w.Number(`SELECT count(*) FROM dead_letters WHERE consumer = 'refunds' AND attempts = $1`, attempts); n != 1 {
		t.Errorf("%d dead letters", n)
	}
}

func TestAnErasureThatFailsForDaysStopsWithADeadLetter(t *testing.T) {
	t.Parallel()
	w := newHarness(t)
	w.Exec(`INSERT INTO customer_erasures (stripe_customer_id) VALUES ('cus_stays')`)
	w.Sandbox.SetFaults(sandbox.Faults{Down: true})
	for range 100 {
		w.Pass(2 * time.Hour)
		w.run(w.module, "payments.forget_customers")
	}
	id := w.text(`SELECT message_id FROM dead_letters WHERE consumer = 'customer_erasures'`)
	if n := w.Number(`SELECT count(*) FROM customer_erasures WHERE id::text = $1 AND attempts < 100`, id); n != 1 {
		t.Errorf("%d erasures", n)
	}
	if n := w.Number(`SELECT count(*) FROM dead_letters WHERE strpos(body::text, 'cus_stays') > 0`); n != 0 {
		t.Error("the letter names the customer")
	}

	w.Sandbox.SetFaults(sandbox.Faults{})
	if restarted := handlertest.Must(postgres.RestartErasure(t.Context(), w.Pool, id, w.Now()))(t); !restarted {
		t.Error("not restarted")
	}
	if n := w.run(w.module, "payments.forget_customers"); n != 1 {
		t.Errorf("erased %d, want 1", n)
	}
}
