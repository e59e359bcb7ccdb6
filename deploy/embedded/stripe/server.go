// Package stripe is a sandbox that replaces Stripe, which cannot run on a laptop. It is an
// HTTP server with its own state: stripe-go v76 calls it through its backend URL, buyers
// pay on its hosted pages, and it delivers signed webhooks. The program uses it in
// development; tests use it to provoke Stripe's failures.
//
// # What it promises
//
//   - Responses have the form of API version 2023-10-16, which stripe-go v76 requires: a
//     session has no payment intent before the first attempt to pay, a charge lists no
//     refunds unless they are expanded, unknown parameters are rejected.
//   - Idempotency keys work like Stripe's: the response to a request that began to execute
//     is kept for 24 hours, 500s included; other parameters under the same key are 400
//     (idempotency_error); a second request meanwhile is 409 (idempotency_key_in_use).
//   - With a state file, a response is on disk before it is sent, in the same transaction as
//     its events and their deliveries. kill -9 at any moment loses nothing that was sent;
//     pending webhooks are delivered after the restart.
//   - Webhooks arrive at least once, in no guaranteed order, independently per endpoint, with
//     exponential back-off. The buyer's redirect does not wait for them.
//
// # What it leaves out
//
// Subscriptions, invoices, taxes, fees, currencies other than the session's, payment methods
// other than an always-valid card and a bank debit. Transfers complete at once.
//
// # Pages
//
//	GET  /                      payments with their refunds and disputes, accounts, events and
//	                            late webhooks, with buttons (guarded)
//	GET  /c/pay/{session}       the hosted checkout page: Pay, Pay by bank debit, Decline, Cancel
//	GET  /setup/{link}          Connect onboarding
//	GET  /p/session/{portal}    the billing portal
//
// # Control
//
// These exist only here, for development and tests. They accept calls from a loopback
// address, or with the secret key as bearer token. Arguments are JSON or a form; responses
// are the changed object as in the API.
//
//	POST   /sandbox/sessions/{id}/pay                 the buyer pays; {"method": "bank_debit"}: complete, unpaid
//	POST   /sandbox/sessions/{id}/settle              {"status": "succeeded"} or "failed": the bank debit
//	POST   /sandbox/sessions/{id}/decline             the buyer's card is declined
//	POST   /sandbox/payment_intents/{id}/refund       {"amount": 500, "reason": "duplicate", "status": "pending"};
//	                                                  no amount: all; no status: succeeded
//	POST   /sandbox/refunds/{id}/settle               {"status": "succeeded"}, "failed" or "canceled"
//	POST   /sandbox/payment_intents/{id}/dispute      {"reason": "fraudulent", "amount": 500, "inquiry": true}
//	POST   /sandbox/disputes/{id}/escalate            an inquiry becomes a dispute
//	POST   /sandbox/disputes/{id}/close               {"status": "won"} or "lost"; an inquiry: "warning_closed"
//	POST   /sandbox/accounts/{id}/activate            also restrict, deauthorize, and payout,
//	                                                  which empties the account's balance
//	POST   /sandbox/events/{id}/resend                deliver again
//	POST   /sandbox/events/{id}/forge                 {"fault": "secret"}, "stale", "body" or "unsigned": deliver
//	                                                  once with such a signature; returns the responses
//	GET    /sandbox/deliveries?event=&status=&type=&endpoint=&limit=
//	GET    /sandbox/faults
//	PUT    /sandbox/faults                            set all faults to a Faults object
//	DELETE /sandbox/faults                            remove all faults
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is a running sandbox.
type Server struct {
	cfg      Config
	store    *store
	faults   faultBox
	senders  []*webhookSender
	handler  http.Handler
	http     *http.Server
	listener net.Listener

	mu      sync.Mutex
	running map[string]bool // idempotency keys being executed

	cancel   context.CancelFunc
	work     sync.WaitGroup
	stopOnce sync.Once
	stopErr  error
	unwatch  func() bool
}

// Start opens the state, listens and sends pending webhooks. The server runs until
// Stop, or until ctx ends.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, store: newStore(cfg.Now), running: map[string]bool{}}
	if cfg.StateFile != "" {
		if s.store.journal, err = openJournal(cfg.StateFile, s.store); err != nil {
			return nil, err
		}
	}
	for _, id := range s.store.sessions.order {
		s.store.watch(id)
	}
	if s.listener, err = net.Listen("tcp", cfg.Addr); err != nil {
		_ = s.closeJournal()
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s.handler = s.routes()
	s.http = &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}

	var working context.Context
	working, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, e := range cfg.Webhooks {
		s.senders = append(s.senders, newWebhookSender(s, e))
	}
	for _, c := range s.senders {
		c.resume()
		s.work.Go(func() { c.run(working) })
	}
	s.work.Go(func() { s.sweep(working) })
	s.work.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			cfg.Logger.Error("the payments sandbox stopped serving", "error", err)
		}
	})

	s.unwatch = context.AfterFunc(ctx, func() {
		grace, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		_ = s.Stop(grace)
	})
	return s, nil
}

// sweep expires sessions on time, also without requests.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.expireDue(); err != nil {
				s.cfg.Logger.Error("sandbox sessions not expired", "error", err)
			}
		}
	}
}

// URL is the URL of the API.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// PublicURL is the URL of the pages for browsers.
func (s *Server) PublicURL() string {
	if s.cfg.PublicURL != "" {
		return s.cfg.PublicURL
	}
	return s.URL()
}

// Handler serves API, pages and control, for tests without a socket.
func (s *Server) Handler() http.Handler { return s.handler }

// Stop ends calls and deliveries and closes the state. Pending webhooks are delivered after
// the next start. When ctx ends first, open connections are closed.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.unwatch()
		err := s.http.Shutdown(ctx)
		if err != nil {
			_ = s.http.Close()
		}
		s.cancel()
		s.work.Wait()
		s.stopErr = errors.Join(err, s.closeJournal())
	})
	return s.stopErr
}

func (s *Server) closeJournal() error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.store.journal == nil {
		return nil
	}
	return s.store.journal.close()
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	s.apiRoutes(mux)
	s.pageRoutes(mux)
	s.controlRoutes(mux)
	return s.ownHost(mux)
}
