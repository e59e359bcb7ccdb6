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
	"strconv"
	"strings"
	"time"
)

// sessionPlaceholder in a success_url is replaced by the session's id.
const sessionPlaceholder = "{CHECKOUT_SESSION_ID}"

//go:embed pages
var pageFiles embed.FS

var (
	style     = mustRead("pages/style.css")
	styleHash = hashOf(style)
	templates = template.Must(template.New("").Funcs(template.FuncMap{
		"money": money,
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
	Session session
	Charge  charge
	Dispute dispute
}

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
	if err == nil {
		err = s.view(nil, func(t *tx) error {
			for _, sess := range t.sessions.newest(50, nil) {
				c := t.charges.rows[t.intents.rows[sess.Intent].LatestCharge]
				payments = append(payments, payment{sess, c, t.disputes.rows[c.Dispute]})
			}
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
		"Endpoints": s.cfg.Webhooks,
		"Account":   r.URL.Query().Get("account"),
	})
}

// zeroDecimal are the currencies whose smallest unit is the whole one.
var zeroDecimal = []string{
	"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga",
	"pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf",
}

func money(amount int64, currency string) string {
	sign := map[string]string{"gbp": "£", "eur": "€", "usd": "$"}[currency]
	text := strconv.FormatInt(amount, 10)
	if !slices.Contains(zeroDecimal, currency) {
		text = strconv.FormatInt(amount/100, 10) + "." + strconv.FormatInt(100+amount%100, 10)[1:]
	}
	if sign == "" {
		return text + " " + strings.ToUpper(currency)
	}
	return sign + text
}
