package stripe

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// controls are the arguments of a control call, from JSON or from a form.
type controls map[string]string

func (s *Server) controlRoutes(mux *http.ServeMux) {
	change := func(pattern string, run func(*tx, *http.Request, controls) (any, error)) {
		mux.Handle("POST /sandbox/"+pattern, s.guarded(s.control(run)))
	}
	change("sessions/{id}/pay", func(t *tx, r *http.Request, in controls) (any, error) {
		pay := t.pay
		switch in["method"] {
		case "", "card":
		case "bank_debit":
			pay = t.payLater
		default:
			return nil, invalid("method", "A buyer pays by card or bank_debit.")
		}
		sess, err := pay(r.PathValue("id"))
		return t.showSession(sess, nil), err
	})
	change("sessions/{id}/settle", func(t *tx, r *http.Request, in controls) (any, error) {
		sess, err := t.settle(r.PathValue("id"), in["status"])
		return t.showSession(sess, nil), err
	})
	change("sessions/{id}/decline", func(t *tx, r *http.Request, _ controls) (any, error) {
		sess, err := t.decline(r.PathValue("id"))
		return t.showSession(sess, nil), err
	})
	change("payment_intents/{id}/refund", func(t *tx, r *http.Request, in controls) (any, error) {
		i, known := t.intents.get(r.PathValue("id"))
		if !known {
			return nil, unknown(http.StatusNotFound, "payment_intent", r.PathValue("id"), "intent")
		}
		amount, err := in.amount()
		if err != nil {
			return nil, err
		}
		status := in["status"]
		switch status {
		case "":
			status = refundSucceeded
		case refundPending, refundSucceeded:
		default:
			return nil, invalid("status", "A refund begins as pending or succeeded.")
		}
		re, err := t.refund(i.LatestCharge, amount, in["reason"], status, nil)
		return t.showRefund(re, nil), err
	})
	change("refunds/{id}/settle", func(t *tx, r *http.Request, in controls) (any, error) {
		re, err := t.settleRefund(r.PathValue("id"), in["status"])
		return t.showRefund(re, nil), err
	})
	change("payment_intents/{id}/dispute", func(t *tx, r *http.Request, in controls) (any, error) {
		amount, err := in.amount()
		if err != nil {
			return nil, err
		}
		d, err := t.openDispute(r.PathValue("id"), in["reason"], amount, in["inquiry"] == "true")
		return t.showDispute(d, nil), err
	})
	change("disputes/{id}/escalate", func(t *tx, r *http.Request, _ controls) (any, error) {
		d, err := t.escalateDispute(r.PathValue("id"))
		return t.showDispute(d, nil), err
	})
	change("disputes/{id}/close", func(t *tx, r *http.Request, in controls) (any, error) {
		d, err := t.closeDispute(r.PathValue("id"), in["status"])
		return t.showDispute(d, nil), err
	})
	change("accounts/{id}/{step}", func(t *tx, r *http.Request, _ controls) (any, error) {
		a, err := t.stepAccount(r.PathValue("id"), r.PathValue("step"))
		return t.showAccount(a), err
	})
	change("events/{id}/resend", func(t *tx, r *http.Request, _ controls) (any, error) {
		return t.resend(r.PathValue("id"))
	})
	mux.Handle("POST /sandbox/events/{id}/forge", s.guarded(http.HandlerFunc(s.forge)))
	mux.Handle("GET /sandbox/deliveries", s.guarded(http.HandlerFunc(s.showDeliveries)))
	mux.Handle("GET /sandbox/faults", s.guarded(http.HandlerFunc(s.showFaults)))
	mux.Handle("PUT /sandbox/faults", s.guarded(http.HandlerFunc(s.changeFaults)))
	mux.Handle("DELETE /sandbox/faults", s.guarded(http.HandlerFunc(s.changeFaults)))
}

// ownHost refuses requests that were addressed to another host: a page whose name an attacker
// points to this machine (DNS rebinding) would otherwise read and pay as if it were the
// sandbox's own. Other programs need the secret key.
func (s *Server) ownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knownHost(r.Host) && !s.hasKey(r) {
			http.Error(w, "The sandbox answers at loopback hosts and its public address only.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hasKey reports whether a request carries the secret key.
func (s *Server) hasKey(r *http.Request) bool {
	key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return bearer && subtle.ConstantTimeCompare([]byte(key), []byte(s.cfg.SecretKey)) == 1
}

// guarded allows calls from this machine: from a loopback address, and not from a page of
// another site. Other programs need the secret key.
func (s *Server) guarded(next http.Handler) http.Handler {
	sameSite := http.NewCrossOriginProtection()
	protected := sameSite.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.hasKey(r) {
			next.ServeHTTP(w, r)
			return
		}
		if !isLoopback(r.RemoteAddr) {
			http.Error(w, "The sandbox is controlled from its own machine, or with the secret key.", http.StatusForbidden)
			return
		}
		protected.ServeHTTP(w, r)
	})
}

func (s *Server) knownHost(host string) bool {
	if public, err := url.Parse(s.cfg.PublicURL); err == nil && public.Host == host && host != "" {
		return true
	}
	return isLoopback(host)
}

func isLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
}

// control runs a change and responds with JSON, or redirects a browser to the home page.
func (s *Server) control(run func(*tx, *http.Request, controls) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &request{http: r, id: newID("req_", 14)}
		in, err := readControls(r)
		if err == nil {
			err = s.expireDue()
		}
		var body []byte
		if err == nil {
			err = s.update(req, func(t *tx) error {
				out, err := run(t, r, in)
				if err != nil {
					return err
				}
				body, err = json.Marshal(out)
				return err
			})
		}
		switch {
		case !strings.Contains(r.Header.Get("Accept"), "text/html"):
			if err != nil {
				s.fail(w, req, err)
				return
			}
			writeJSON(w, http.StatusOK, body)
		case err != nil:
			s.renderError(w, err)
		default:
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}
	})
}

func readControls(r *http.Request) (controls, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	in := controls{}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		raw := map[string]any{}
		if len(body) > 0 && json.Unmarshal(body, &raw) != nil {
			return nil, invalid("", "The body is not a JSON object.")
		}
		for key, value := range raw {
			switch v := value.(type) {
			case string:
				in[key] = v
			case float64:
				in[key] = strconv.FormatFloat(v, 'f', -1, 64)
			case bool:
				in[key] = strconv.FormatBool(v)
			}
		}
		return in, nil
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalid("", "The body is not a form.")
	}
	for key := range values {
		in[key] = values.Get(key)
	}
	return in, nil
}

// amount is 0 when none was given: all that is left.
func (c controls) amount() (int64, error) {
	if c["amount"] == "" {
		return 0, nil
	}
	amount, err := strconv.ParseInt(c["amount"], 10, 64)
	if err != nil || amount <= 0 {
		return 0, invalid("amount", "Invalid positive integer")
	}
	return amount, nil
}

// resend delivers an event again to all its endpoints.
func (t *tx) resend(id string) (any, error) {
	e, known := t.events.get(id)
	if !known {
		return nil, unknown(http.StatusNotFound, "event", id, "id")
	}
	e.Endpoints = nil
	for _, c := range t.server.senders {
		if !c.endpoint.wants(e.Type) {
			continue
		}
		e.Endpoints = append(e.Endpoints, c.endpoint.Name)
		d := c.newDelivery(e)
		d.Created = t.stamp
		if err := put(t, t.deliveries, d.ID, d); err != nil {
			return nil, err
		}
		if d.Status == statusPending {
			t.after = append(t.after, func() { c.schedule(d.ID, d.NextMS) })
		}
	}
	if err := put(t, t.events, e.ID, e); err != nil {
		return nil, err
	}
	return t.showEvent(e, apiVersion), nil
}

func (s *Server) showDeliveries(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 {
		limit = 100
	}
	var body []byte
	err = s.view(nil, func(t *tx) (err error) {
		rows := t.deliveries.newest(limit, func(d delivery) bool {
			return matches(query.Get("event"), d.Event) && matches(query.Get("status"), d.Status) &&
				matches(query.Get("endpoint"), d.Endpoint) && matches(query.Get("type"), d.Type)
		})
		body, err = json.Marshal(obj{"data": append([]delivery{}, rows...)})
		return err
	})
	if err != nil {
		s.fail(w, &request{http: r}, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

func (s *Server) showFaults(w http.ResponseWriter, _ *http.Request) {
	body, _ := json.Marshal(s.faults.get()) // numbers and strings: cannot fail
	writeJSON(w, http.StatusOK, body)
}

// changeFaults replaces all faults; DELETE, or an empty object, removes them.
func (s *Server) changeFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	if r.Method == http.MethodPut {
		in := json.NewDecoder(io.LimitReader(r.Body, maxBody))
		in.DisallowUnknownFields()
		if err := in.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
			s.fail(w, &request{http: r}, invalid("", "The faults cannot be read: "+err.Error()))
			return
		}
	}
	s.SetFaults(f)
	s.showFaults(w, r)
}
