package stripe

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody bounds a request to the API, in bytes.
const maxBody = 1 << 20

// request is one API call.
type request struct {
	*params
	http     *http.Request
	id       string // Request-Id
	key      string // Idempotency-Key
	expanded expansion
}

func (r *request) target() string { return r.http.PathValue("id") }

// action handles an API call and returns an object of Stripe.
type action func(*tx, *request) (any, error)

func (s *Server) apiRoutes(mux *http.ServeMux) {
	read := func(pattern string, a action) { mux.Handle("GET /v1/"+pattern, s.api(a)) }
	write := func(pattern string, a action) { mux.Handle("POST /v1/"+pattern, s.api(a)) }

	write("customers", createCustomer)
	read("customers/{id}", retrieveCustomer)
	mux.Handle("DELETE /v1/customers/{id}", s.api(deleteCustomer))
	write("billing_portal/sessions", createPortal)
	write("products", createProduct)
	write("prices", createPrice)

	write("checkout/sessions", createSession)
	read("checkout/sessions", listSessions)
	read("checkout/sessions/{id}", retrieveSession)
	read("checkout/sessions/{id}/line_items", listLines)
	write("checkout/sessions/{id}/expire", expireSession)

	read("payment_intents/{id}", retrieveIntent)
	read("charges", listCharges)
	read("charges/{id}", retrieveCharge)
	write("refunds", createRefund)
	read("refunds", listRefunds)
	read("refunds/{id}", retrieveRefund)
	read("disputes", listDisputes)
	read("disputes/{id}", retrieveDispute)

	write("accounts", createAccount)
	read("accounts/{id}", retrieveAccount)
	write("accounts/{id}/login_links", createLoginLink)
	write("account_links", createAccountLink)
	write("transfers", createTransfer)
	read("transfers", listTransfers)
	read("transfers/{id}", retrieveTransfer)
	write("transfers/{id}/reversals", createReversal)

	read("events", listEvents)
	read("events/{id}", retrieveEvent)

	mux.Handle("/v1/", s.api(func(_ *tx, r *request) (any, error) {
		return nil, &apiError{
			Status: http.StatusNotFound, Type: "invalid_request_error",
			Message: "Unrecognized request URL (" + r.http.Method + ": " + r.http.URL.Path + ").",
		}
	}))
}

// api wraps an action with what all API calls share: faults, authentication, parsing,
// idempotency and the form of responses.
func (s *Server) api(run action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, httpReq *http.Request) {
		if s.faults.get().Down {
			panic(http.ErrAbortHandler) // closes the connection without a response
		}
		req := &request{http: httpReq, id: newID("req_", 14), key: httpReq.Header.Get("Idempotency-Key")}
		w.Header().Set("Request-Id", req.id)
		w.Header().Set("Stripe-Version", apiVersion)
		w.Header().Set("Cache-Control", "no-cache, no-store")
		if fault := s.authenticate(httpReq); fault != nil {
			writeError(w, req, fault)
			return
		}
		if fault := req.parse(); fault != nil {
			writeError(w, req, fault)
			return
		}
		if s.faults.take(func(f *Faults) *int { return &f.RateLimits }) {
			writeError(w, req, rateLimited())
			return
		}
		if err := s.expireDue(); err != nil {
			s.fail(w, req, err)
			return
		}
		switch httpReq.Method {
		case http.MethodPost:
			s.write(w, req, run)
		case http.MethodDelete:
			req.key = "" // Stripe keeps responses to POSTs only
			s.write(w, req, run)
		default:
			s.pause(httpReq)
			s.read(w, req, run)
		}
	})
}

// authenticate accepts the secret key as a bearer token or as the user of basic
// authentication, as Stripe does.
func (s *Server) authenticate(r *http.Request) *apiError {
	key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		key, _, _ = r.BasicAuth()
	}
	fault := &apiError{Status: http.StatusUnauthorized, Type: "invalid_request_error"}
	switch {
	case key == "":
		fault.Message = "You did not provide an API key."
		return fault
	case subtle.ConstantTimeCompare([]byte(key), []byte(s.cfg.SecretKey)) != 1:
		fault.Message = "Invalid API Key provided."
		return fault
	default:
		return nil
	}
}

func (r *request) parse() *apiError {
	encoded := r.http.URL.RawQuery
	if r.http.Method == http.MethodPost {
		body, err := io.ReadAll(io.LimitReader(r.http.Body, maxBody+1))
		if err != nil || len(body) > maxBody {
			return invalid("", "The request body could not be read.")
		}
		encoded = string(body)
	}
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return invalid("", "The request is not form-encoded.")
	}
	if len(r.key) > 255 {
		return &apiError{
			Status:  http.StatusBadRequest,
			Type:    "idempotency_error",
			Message: "Idempotency keys are at most 255 characters.",
		}
	}
	r.params = newParams(values)
	r.expanded = expansion{}
	for _, path := range r.list("expand") {
		r.expanded[path] = true
	}
	return nil
}

func (s *Server) pause(r *http.Request) {
	latency := time.Duration(s.faults.get().LatencyMS) * time.Millisecond
	if latency <= 0 {
		return
	}
	timer := time.NewTimer(latency)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

func (s *Server) read(w http.ResponseWriter, req *request, run action) {
	var body []byte
	err := s.view(req, func(t *tx) error {
		out, err := run(t, req)
		if err != nil {
			return err
		}
		body, err = json.Marshal(out)
		return err
	})
	if err != nil {
		s.fail(w, req, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

// write runs a POST under its idempotency key, or a DELETE. The effect and the kept response
// are one transaction: a crash leaves both or neither.
func (s *Server) write(w http.ResponseWriter, req *request, run action) {
	print := req.fingerprint()
	if req.key != "" {
		w.Header().Set("Idempotency-Key", req.key)
		if fault := s.claim(req.key); fault != nil {
			writeError(w, req, fault)
			return
		}
		defer s.release(req.key)
		if s.replay(w, req, print) {
			return
		}
	}
	s.pause(req.http)
	kept := answer{Fingerprint: print, RequestID: req.id, Status: http.StatusOK}
	err := error(internalError())
	if !s.faults.take(func(f *Faults) *int { return &f.Errors }) {
		hide := s.faults.take(func(f *Faults) *int { return &f.CommittedErrors })
		err = s.update(req, func(t *tx) error {
			out, err := run(t, req)
			if err != nil {
				return err
			}
			if hide {
				out, kept.Status = internalError().body(req.id), http.StatusInternalServerError
			}
			if kept.Body, err = json.Marshal(out); err != nil {
				return err
			}
			return t.keep(req.key, kept)
		})
	}
	var fault *apiError
	if errors.As(err, &fault) && fault.kept {
		kept.Status = fault.Status
		kept.Body, _ = json.Marshal(fault.body(req.id)) // strings only: cannot fail
		err = s.update(req, func(t *tx) error { return t.keep(req.key, kept) })
	}
	if err != nil {
		s.fail(w, req, err)
		return
	}
	if s.faults.take(func(f *Faults) *int { return &f.DroppedReplies }) {
		panic(http.ErrAbortHandler)
	}
	writeJSON(w, kept.Status, kept.Body)
}

func (t *tx) keep(key string, a answer) error {
	if key == "" {
		return nil
	}
	a.Created = t.stamp
	return put(t, t.answers, key, a)
}

// claim marks a key as being executed. A second caller meanwhile gets 409.
func (s *Server) claim(key string) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[key] {
		return &apiError{
			Status:  http.StatusConflict,
			Type:    "idempotency_error",
			Code:    "idempotency_key_in_use",
			Message: "Another request with this idempotency key is in progress.",
		}
	}
	s.running[key] = true
	return nil
}

func (s *Server) release(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, key)
}

// replay responds with the response kept under the key. It reports whether there was one.
func (s *Server) replay(w http.ResponseWriter, req *request, print string) bool {
	var kept answer
	var found bool
	_ = s.view(req, func(t *tx) error {
		kept, found = t.answers.get(req.key)
		found = found && kept.Created > t.stamp-answerRetention
		return nil
	})
	switch {
	case !found:
		return false
	case kept.Fingerprint != print:
		writeError(w, req, &apiError{
			Status: http.StatusBadRequest, Type: "idempotency_error",
			Message: "Keys for idempotent requests can only be used with the same parameters they were first used with.",
		})
	default:
		w.Header().Set("Idempotent-Replayed", "true")
		w.Header().Set("Original-Request", kept.RequestID)
		writeJSON(w, kept.Status, kept.Body)
	}
	return true
}

// fingerprint identifies method, path and parameters, in any order.
func (r *request) fingerprint() string {
	sum := sha256.Sum256([]byte(r.http.Method + " " + r.http.URL.Path + "\n" + r.values.Encode()))
	return hex.EncodeToString(sum[:])
}

func (s *Server) fail(w http.ResponseWriter, req *request, err error) {
	var fault *apiError
	if !errors.As(err, &fault) {
		s.cfg.Logger.Error("the payments sandbox failed", "error", err, "path", req.http.URL.Path)
		fault = internalError()
	}
	writeError(w, req, fault)
}

func writeError(w http.ResponseWriter, req *request, fault *apiError) {
	body, _ := json.Marshal(fault.body(req.id)) // strings only: cannot fail
	writeJSON(w, fault.Status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
