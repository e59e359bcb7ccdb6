package stripe

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain/money"
)

// sessionPlaceholder in a success_url is replaced by the session's id.
const sessionPlaceholder = "{CHECKOUT_SESSION_ID}"

//go:embed pages
var pageFiles embed.FS

var (
	style     = mustRead("pages/style.css")
	styleHash = hashOf(style)
	templates = template.Must(template.New("").Funcs(template.FuncMap{
		"money": written,
		"style": func() template.CSS { return template.CSS(style) }, //nolint:gosec // our own file, embedded
		"clock": func(unix int64) string { return time.Unix(unix, 0).UTC().Format("2 Jan 15:04:05") },
	}).ParseFS(pageFiles, "pages/*.html"))
)

func mustRead(name string) string {
	text, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err) // compiled in: cannot happen
	}
	return string(text)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (s *Server) pageRoutes(mux *http.ServeMux) {
	sameSite := http.NewCrossOriginProtection()
	mux.HandleFunc("GET /c/pay/{session}", s.payPage)
	mux.Handle("POST /c/pay/{session}/{choice}", sameSite.Handler(http.HandlerFunc(s.choose)))
	mux.HandleFunc("GET /setup/{link}", s.setupPage)
	mux.Handle("POST /setup/{link}", sameSite.Handler(http.HandlerFunc(s.setUp)))
	mux.HandleFunc("GET /p/session/{portal}", s.portalPage)
	mux.Handle("GET /{$}", s.guarded(http.HandlerFunc(s.homePage)))
}

// render writes a page that may run no script and load nothing. Browsers apply form-action
// to redirects after a form as well, so the page names the origins of redirects.
func (s *Server) render(w http.ResponseWriter, status int, name string, data any, leadsTo ...string) {
	targets := []string{"'self'"}
	for _, target := range leadsTo {
		if u, err := url.Parse(target); err == nil && hostAndPort.MatchString(u.Host) {
			targets = append(targets, u.Scheme+"://"+u.Host)
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src "+styleHash+
		"; base-uri 'none'; frame-ancestors 'none'; form-action "+strings.Join(slices.Compact(targets), " "))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := templates.ExecuteTemplate(w, name, data); err != nil {
		s.cfg.Logger.Error("sandbox page not rendered", "page", name, "error", err)
	}
}

// renderError shows an error as a page.
func (s *Server) renderError(w http.ResponseWriter, err error) {
	var fault *apiError
	if !errors.As(err, &fault) {
		s.cfg.Logger.Error("the payments sandbox failed", "error", err)
		fault = internalError()
	}
	s.render(w, fault.Status, "message.html", map[string]string{"Title": "That did not work", "Text": fault.Message})
}

func (s *Server) payPage(w http.ResponseWriter, r *http.Request) {
	if err := s.expireDue(); err != nil {
		s.renderError(w, err)
		return
	}
	s.showPay(w, r.PathValue("session"))
}

func (s *Server) showPay(w http.ResponseWriter, id string) {
	var sess session
	var email string
	err := s.view(nil, func(t *tx) error {
		var known bool
		if sess, known = t.sessions.get(id); !known {
			return unknown(http.StatusNotFound, "checkout.session", id, "session")
		}
		email = t.emailOf(sess)
		return nil
	})
	if err != nil {
		s.renderError(w, err)
		return
	}
	status := http.StatusOK
	switch {
	case sess.Status == "expired":
		status = http.StatusGone
	case sess.Declined:
		status = http.StatusPaymentRequired
	}
	s.render(w, status, "pay.html", map[string]any{
		"Session": sess, "Email": email, "SuccessURL": successURL(sess),
	}, sess.SuccessURL, sess.CancelURL)
}

func successURL(sess session) string {
	return strings.ReplaceAll(sess.SuccessURL, sessionPlaceholder, sess.ID)
}

// choose is one of the page's buttons. A second press changes nothing.
func (s *Server) choose(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("session")
	var sess session
	run := map[string]func(*tx) error{
		"pay":     func(t *tx) (err error) { sess, err = t.pay(id); return err },
		"later":   func(t *tx) (err error) { sess, err = t.payLater(id); return err },
		"decline": func(t *tx) (err error) { sess, err = t.decline(id); return err },
		"cancel": func(t *tx) error {
			var known bool
			if sess, known = t.sessions.get(id); !known {
				return unknown(http.StatusNotFound, "checkout.session", id, "session")
			}
			return nil
		},
	}[r.PathValue("choice")]
	if run == nil {
		http.NotFound(w, r)
		return
	}
	err := s.expireDue()
	if err == nil {
		err = s.update(&request{http: r, id: newID("req_", 14)}, run)
	}
	switch {
	case err != nil && sess.Status == "expired":
		s.showPay(w, id)
	case err != nil:
		s.renderError(w, err)
	case r.PathValue("choice") == "cancel" && sess.CancelURL != "":
		http.Redirect(w, r, sess.CancelURL, http.StatusSeeOther)
	case sess.Status == "complete" && r.PathValue("choice") != "cancel":
		http.Redirect(w, r, successURL(sess), http.StatusSeeOther)
	default:
		http.Redirect(w, r, "/c/pay/"+sess.ID, http.StatusSeeOther)
	}
}

// setupPage replaces Connect onboarding.
func (s *Server) setupPage(w http.ResponseWriter, r *http.Request) {
	l, a, err := s.setupLink(r)
	if err != nil {
		s.renderError(w, err)
		return
	}
	s.render(w, http.StatusOK, "setup.html", map[string]any{"Link": l, "Account": a}, l.ReturnURL)
}

func (s *Server) setupLink(r *http.Request) (l accountLink, a account, _ error) {
	return l, a, s.view(nil, func(t *tx) error {
		var known bool
		l, known = t.links.get(r.PathValue("link"))
		if !known || l.ExpiresAt <= t.stamp {
			return &apiError{
				Status:  http.StatusGone,
				Message: "This onboarding link is unknown or has expired. Ask for a new one.",
			}
		}
		a = t.accounts.rows[l.Account]
		return nil
	})
}

func (s *Server) setUp(w http.ResponseWriter, r *http.Request) {
	l, _, err := s.setupLink(r)
	if err == nil {
		err = s.update(nil, func(t *tx) error { _, err := t.stepAccount(l.Account, stepActivate); return err })
	}
	switch {
	case err != nil:
		s.renderError(w, err)
	case l.ReturnURL == "":
		http.Redirect(w, r, "/setup/"+l.ID, http.StatusSeeOther)
	default:
		http.Redirect(w, r, l.ReturnURL, http.StatusSeeOther)
	}
}

// portalPage replaces the billing portal: a customer's payments.
func (s *Server) portalPage(w http.ResponseWriter, r *http.Request) {
	var p portal
	var charges []charge
	err := s.view(nil, func(t *tx) error {
		var known bool
		if p, known = t.portals.get(r.PathValue("portal")); !known {
			return unknown(http.StatusNotFound, "billing_portal.session", r.PathValue("portal"), "")
		}
		charges = t.charges.newest(100, func(c charge) bool { return c.Customer == p.Customer && c.Paid })
		return nil
	})
	if err != nil {
		s.renderError(w, err)
		return
	}
	s.render(w, http.StatusOK, "portal.html", map[string]any{"Portal": p, "Charges": charges})
}

// payment is a row of the home page.
type payment struct {
	Session  session
	Charge   charge
	Refunds  []refund
	Disputes []dispute
}

// State is a word for the payment, and the class of its colour.
func (p payment) State() (state struct{ Word, Class string }) {
	word := func(word, class string) { state.Word, state.Class = word, class }
	open := slices.IndexFunc(p.Disputes, func(d dispute) bool {
		return d.Status == disputeOpen || d.Status == disputeLost
	})
	if open < 0 {
		open = slices.IndexFunc(p.Disputes, func(d dispute) bool { return d.Status == inquiryOpen })
	}
	switch {
	case open >= 0 && p.Disputes[open].Status == inquiryOpen:
		word("inquiry: "+inquiryOpen, "wait")
	case open >= 0:
		word("disputed: "+p.Disputes[open].Status, "bad")
	case p.Charge.Paid && p.Left() == 0:
		word("refunded", "soft")
	case p.Charge.RefundedAmount > 0:
		word("partly refunded", "soft")
	case p.Charge.Paid:
		word("paid", "good")
	case p.Session.Settling:
		word("waits for the bank", "wait")
	case p.Session.Status == "complete":
		word("failed at the bank", "bad")
	case p.Session.Declined:
		word("declined", "bad")
	default:
		word(p.Session.Status, "soft")
	}
	return state
}

// Refundable says that a refund would be accepted.
func (p payment) Refundable() bool { return p.Charge.Paid && p.Left() > 0 && !p.Charge.Disputed }

// Left is what can still be refunded.
func (p payment) Left() int64 { return p.Charge.Amount - p.Charge.RefundedAmount }

// Name is what was sold.
func (p payment) Name() string {
	if len(p.Session.Lines) == 0 {
		return ""
	}
	return p.Session.Lines[0].Name
}

func (s *Server) homePage(w http.ResponseWriter, r *http.Request) {
	err := s.expireDue()
	var payments []payment
	var accounts []account
	var late []delivery
	var events []event
	if err == nil {
		err = s.view(nil, func(t *tx) error {
			for _, sess := range t.sessions.newest(50, nil) {
				c := t.charges.rows[t.intents.rows[sess.Intent].LatestCharge]
				p := payment{Session: sess, Charge: c}
				for _, id := range c.Refunds {
					p.Refunds = append(p.Refunds, t.refunds.rows[id])
				}
				if c.Dispute != "" {
					p.Disputes = t.disputes.newest(20, func(d dispute) bool { return d.Charge == c.ID })
				}
				payments = append(payments, p)
			}
			events = t.events.newest(20, nil)
			accounts = t.accounts.newest(50, nil)
			late = t.deliveries.newest(50, func(d delivery) bool { return d.Status != statusDelivered })
			return nil
		})
	}
	if err != nil {
		s.renderError(w, err)
		return
	}
	s.render(w, http.StatusOK, "home.html", map[string]any{
		"Payments":  payments,
		"Accounts":  accounts,
		"Late":      late,
		"Events":    events,
		"Forged":    r.URL.Query().Get("forged"),
		"Endpoints": s.cfg.Webhooks,
		"Account":   r.URL.Query().Get("account"),
	})
}

// written is an amount for people.
func written(amount int64, currency string) string {
	return money.CurrencyOf(currency).Format(money.Cents(amount))
}
