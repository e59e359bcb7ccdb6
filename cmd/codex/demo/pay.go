package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/codex-platform/codex/events"
)

// checkout is a session at the payment provider.
type checkout struct {
	SessionURL string `json:"sessionUrl"`
	SessionID  string `json:"sessionId"`
}

// pay opens the checkout page, presses Pay as a browser without JavaScript does, and
// measures from that moment until the stream answers.
func (s *show) pay(ctx context.Context) (string, error) {
	back := s.buyer.base + "/library"
	a, err := s.buyer.must(ctx, http.StatusOK, http.MethodPost, "/checkout/create", map[string]string{
		"contentId": s.content.id, "successUrl": back, "cancelUrl": s.buyer.base,
	})
	if err != nil {
		return "", err
	}
	if s.checkout, err = one[checkout](a); err != nil {
		return "", err
	}
	form, err := s.payForm(ctx)
	if err != nil {
		return "", err
	}
	sent := time.Now()
	paid := make(chan error, 1)
	go func() {
		a, err := submit(ctx, s.player, form)
		if err == nil {
			err = leadsTo(a, back)
		}
		paid <- err
	}()
	opened, err := s.untilLetIn(ctx)
	if payErr := <-paid; payErr != nil {
		return "", payErr
	}
	if err != nil {
		return "", err
	}
	return s.measureAccess(ctx, sent, opened)
}

// payForm reads the checkout page and finds its Pay button.
func (s *show) payForm(ctx context.Context) (form, error) {
	page, err := s.player.must(ctx, http.StatusOK, http.MethodGet, s.checkout.SessionURL, nil)
	if err != nil {
		return form{}, err
	}
	if price := s.content.written(); !strings.Contains(html.UnescapeString(string(page.body)), price) {
		return form{}, differs("the checkout page to ask for "+price, "a page without that amount")
	}
	for _, f := range forms(page.body) {
		if strings.HasPrefix(f.button, "Pay") {
			return f.on(s.checkout.SessionURL)
		}
	}
	return form{}, differs("a Pay button on the checkout page", "none")
}

func leadsTo(a response, target string) error {
	if err := a.expect(http.StatusSeeOther); err != nil {
		return err
	}
	if to := a.header.Get("Location"); !strings.HasPrefix(to, target) {
		return differs("the payment to lead to "+target, "%q", to)
	}
	return nil
}

// untilLetIn polls the stream and returns when it opened.
func (s *show) untilLetIn(ctx context.Context) (time.Time, error) {
	var opened time.Time
	err := until(ctx, soon, func(ctx context.Context) (bool, error) {
		a, err := s.buyer.call(ctx, http.MethodGet, s.streamPath(), nil)
		if err != nil {
			return false, err
		}
		switch a.status {
		case http.StatusOK:
			opened = time.Now()
			s.stream, err = one[stream](a)
			return true, err
		case http.StatusForbidden:
			return false, a.expect(http.StatusOK)
		default:
			return true, a.expect(http.StatusOK)
		}
	})
	return opened, err
}

// measureAccess holds the two ways to notice access against the limit: the API, for
// which it is a promise, and the event.
func (s *show) measureAccess(ctx context.Context, sent, opened time.Time) (string, error) {
	_, granted, err := await(ctx, s.feed, soon, func(p *events.AccessGranted) bool {
		return p.UserID == s.buyer.id && p.ContentID == s.content.id && p.SourceType == "purchased"
	})
	if err != nil {
		return "", err
	}
	completed, _, err := await(ctx, s.feed, soon, func(p *events.PurchaseCompleted) bool {
		return p.CustomerID == s.buyer.id && p.ContentID == s.content.id
	})
	if err != nil {
		return "", err
	}
	shares := completed.PlatformFeeCents + completed.OrganizationFeeCents + completed.CreatorPayoutCents
	if price := int64(s.content.price); completed.AmountCents != price || shares != price {
		return "", differs(fmt.Sprintf("shares that sum to %d", price), "%d of %d", shares, completed.AmountCents)
	}
	split := fmt.Sprintf("%d + %d + %d",
		completed.PlatformFeeCents, completed.OrganizationFeeCents, completed.CreatorPayoutCents)
	s.report.measure(fmt.Sprintf("%d = platform + organization + creator", s.content.price), split, "exact")

	access, event := opened.Sub(sent), granted.at.Sub(sent)
	bound := "< " + duration(AccessWithin)
	s.report.measure("payment sent → stream returns 200", duration(access), bound)
	s.report.measure("payment sent → event access.granted", duration(event), "")
	if access >= AccessWithin {
		return "", differs("access "+bound+" after the payment", "%s (event after %s)", duration(access), duration(event))
	}
	return fmt.Sprintf("payment → access %s, → event %s", duration(access), duration(event)), nil
}

// refund presses Refund on the sandbox's page, as the owner of a shop would, and expects
// the stream, the download, the podcast's episode and the addresses that were issued before to
// be denied.
func (s *show) refund(ctx context.Context) (string, error) {
	button, err := s.refundForm(ctx)
	if err != nil {
		return "", err
	}
	sent := time.Now()
	a, err := submit(ctx, s.player, button)
	if err != nil {
		return "", err
	}
	if err := a.expect(http.StatusOK); err != nil {
		return "", err
	}
	var given struct {
		Amount int64 `json:"amount"`
	}
	if json.Unmarshal(a.body, &given) != nil || given.Amount != int64(s.content.price) {
		return "", differs(s.content.written()+" to be refunded", "%s", a.summary())
	}
	gone, err := s.untilShut(ctx)
	if err != nil {
		return "", err
	}
	took := gone.Sub(sent)
	if err := s.deniedAfter(ctx); err != nil {
		return "", err
	}
	_, _, err = await(ctx, s.feed, soon, func(p *events.AccessRevoked) bool {
		return p.UserID == s.buyer.id && p.ContentID == s.content.id && p.Reason == "refund"
	})
	if err != nil {
		return "", err
	}
	s.report.measure("refund sent → access gone", duration(took), "")
	return "no stream, download or episode, and old addresses return 403 or 404, after " + duration(took), nil
}

// deniedAfter expects addresses from before the refund to lead nowhere.
func (s *show) deniedAfter(ctx context.Context) error {
	for _, address := range s.stream.addresses() {
		if _, err := s.player.must(ctx, http.StatusForbidden, http.MethodGet, address, nil); err != nil {
			return fmt.Errorf("an address of the stream from before: %w", err)
		}
	}
	if _, err := s.player.must(ctx, http.StatusNotFound, http.MethodGet, s.episodeURL, nil); err != nil {
		return fmt.Errorf("the episode's address from before: %w", err)
	}
	return s.nothingToTake(ctx)
}

// untilShut polls the stream and returns when it was denied.
func (s *show) untilShut(ctx context.Context) (time.Time, error) {
	var gone time.Time
	err := until(ctx, soon, func(ctx context.Context) (bool, error) {
		a, err := s.buyer.call(ctx, http.MethodGet, s.streamPath(), nil)
		if err != nil {
			return false, err
		}
		if a.status == http.StatusOK {
			return false, differs("403 "+accessDenied+" after the refund", "200")
		}
		gone = time.Now()
		return true, a.expectDenied()
	})
	return gone, err
}

// refundForm finds the Refund button of our payment on the sandbox's page.
func (s *show) refundForm(ctx context.Context) (form, error) {
	base := s.payments
	if base == "" {
		var err error
		if base, err = origin(s.checkout.SessionURL); err != nil {
			return form{}, err
		}
	}
	page, err := s.player.must(ctx, http.StatusOK, http.MethodGet, base+"/", nil)
	if err != nil {
		return form{}, err
	}
	for row := range strings.SplitSeq(string(page.body), "<tr>") {
		if !strings.Contains(html.UnescapeString(row), s.content.title) {
			continue
		}
		for _, f := range forms([]byte(row)) {
			if f.button == "Refund" {
				return f.on(base + "/")
			}
		}
	}
	return form{}, differs("a Refund button for our payment at "+base, "none")
}

// form is a form of an HTML page, with its button.
type form struct {
	action, button string
	fields         url.Values
}

var (
	formPattern   = regexp.MustCompile(`(?s)<form[^>]*\saction="([^"]*)"[^>]*>(.*?)</form>`)
	buttonPattern = regexp.MustCompile(`(?s)<button[^>]*>(.*?)</button>`)
	inputPattern  = regexp.MustCompile(`<input[^>]*\sname="([^"]*)"[^>]*\svalue="([^"]*)"`)
)

// forms reads the forms of a page as plain as the sandbox's; it is no HTML parser.
func forms(page []byte) []form {
	var found []form
	for _, m := range formPattern.FindAllStringSubmatch(string(page), -1) {
		f := form{action: html.UnescapeString(m[1]), fields: url.Values{}}
		if b := buttonPattern.FindStringSubmatch(m[2]); b != nil {
			f.button = strings.TrimSpace(html.UnescapeString(b[1]))
		}
		for _, in := range inputPattern.FindAllStringSubmatch(m[2], -1) {
			f.fields.Add(html.UnescapeString(in[1]), html.UnescapeString(in[2]))
		}
		found = append(found, f)
	}
	return found
}

// on resolves the form's action against the page it is on.
func (f form) on(page string) (form, error) {
	base, err := url.Parse(page)
	if err != nil {
		return f, err
	}
	target, err := base.Parse(f.action)
	if err != nil {
		return f, err
	}
	f.action = target.String()
	return f, nil
}

// submit posts the form.
func submit(ctx context.Context, c *client, f form) (response, error) {
	const kind = "application/x-www-form-urlencoded"
	return c.send(ctx, http.MethodPost, f.action, kind, strings.NewReader(f.fields.Encode()))
}
