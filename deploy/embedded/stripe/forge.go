package stripe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// forgeries are ways in which a delivery is not Stripe's, each with the Stripe-Signature and
// the body that it has.
var forgeries = map[string]func(body []byte, secret string, now time.Time) (header string, sent []byte){
	// Signed with another secret.
	"secret": func(body []byte, secret string, now time.Time) (string, []byte) {
		return sign(body, "not "+secret, now), body
	},
	// Signed an hour ago.
	"stale": func(body []byte, secret string, now time.Time) (string, []byte) {
		return sign(body, secret, now.Add(-time.Hour)), body
	},
	// Changed after it was signed.
	"body": func(body []byte, secret string, now time.Time) (string, []byte) {
		return sign(body, secret, now), append(bytes.Clone(body), ' ')
	},
	// Not signed.
	"unsigned": func(body []byte, _ string, _ time.Time) (string, []byte) { return "", body },
}

// forged is the response of an endpoint to a forged delivery. Status is 0 without one.
type forged struct {
	Endpoint string `json:"endpoint"`
	Status   int    `json:"status"`
}

// forge delivers an event once to each of its endpoints with a forged signature. It changes
// nothing here. Responses are returned, or shown on the home page.
func (s *Server) forge(w http.ResponseWriter, r *http.Request) {
	req := &request{http: r, id: newID("req_", 14)}
	results, err := s.sendForged(r)
	asPage := strings.Contains(r.Header.Get("Accept"), "text/html")
	switch {
	case err != nil && asPage:
		s.renderError(w, err)
	case err != nil:
		s.fail(w, req, err)
	case asPage:
		var lines []string
		for _, f := range results {
			lines = append(lines, fmt.Sprintf("%s responded with %d", f.Endpoint, f.Status))
		}
		http.Redirect(w, r, "/?forged="+url.QueryEscape(strings.Join(lines, "; "))+"#events", http.StatusSeeOther)
	default:
		body, _ := json.Marshal(obj{"data": results}) // names and numbers: cannot fail
		writeJSON(w, http.StatusOK, body)
	}
}

func (s *Server) sendForged(r *http.Request) ([]forged, error) {
	in, err := readControls(r)
	if err != nil {
		return nil, err
	}
	bend := forgeries[in["fault"]]
	if bend == nil {
		return nil, invalid("fault", "A forged delivery has the fault secret, stale, body or unsigned.")
	}
	var body []byte
	var kind string
	err = s.view(nil, func(t *tx) (err error) {
		e, known := t.events.get(r.PathValue("id"))
		if !known {
			return unknown(http.StatusNotFound, "event", r.PathValue("id"), "id")
		}
		kind = e.Type
		body, err = json.MarshalIndent(t.showEvent(e, apiVersion), "", "  ")
		return err
	})
	if err != nil {
		return nil, err
	}
	results := []forged{}
	for _, c := range s.senders {
		if !c.endpoint.wants(kind) {
			continue
		}
		header, sent := bend(body, c.endpoint.Secret, s.cfg.Now())
		status, _ := c.post(r.Context(), sent, header) // the status says what matters
		results = append(results, forged{c.endpoint.Name, status})
	}
	return results, nil
}
