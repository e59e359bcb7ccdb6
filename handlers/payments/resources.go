package payments

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/purchase"
	"github.com/codex-platform/codex/handlers/edge"
)

// portalKept is how long the address of a portal's session is kept for a repeated request. The
// provider lets it be opened for five minutes.
const portalKept = 5 * time.Minute

// resources are what the responses to the commands of checkouts show.
func (p *payments) resources() []edge.Resource {
	return []edge.Resource{{Commands: []string{purchase.CommandStartCheckout}, Read: p.readCheckout}}
}

// readCheckout reads a checkout for its buyer.
func (p *payments) readCheckout(r *edge.Request, id string) (any, error) {
	var session CheckoutSession
	err := p.cfg.Pool.QueryRow(r, `
SELECT session_url, stripe_session_id FROM checkouts
WHERE id = $1 AND customer_id = $2 AND session_url IS NOT NULL AND stripe_session_id IS NOT NULL`,
		id, r.Actor().UserID).Scan(&session.SessionURL, &session.SessionID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, purchase.ErrCheckoutNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read checkout: %w", err)
	}
	return edge.Single{Data: session}, nil
}
