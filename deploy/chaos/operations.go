package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// unexpected is an answer that this operation cannot have.
func unexpected(what string, r response) error { return fmt.Errorf("%s: %s", what, r) }

// creation is the body of a new item, on sale at a price of its own.
func (l *load) creation(creator int, slug string) map[string]any {
	body := map[string]any{
		"title":       "Chaos " + slug,
		"slug":        slug,
		"contentType": "written",
		"contentBody": "Words.",
		"accessType":  "paid",
		"priceCents":  100 + rand.N(5000), //nolint:gosec // a price
	}
	if creator == 0 {
		body["organizationId"] = l.organization
	}
	return body
}

// sell creates an item and publishes it.
func (l *load) sell(ctx context.Context) error {
	creator := rand.N(len(l.creators)) //nolint:gosec // a choice of work
	a, slug := l.creators[creator], "item-"+uuid.NewString()
	r, err := a.do(ctx, call{
		kind:    kindCreate,
		method:  http.MethodPost,
		path:    "/api/content",
		key:     slug,
		subject: slug,
		body:    l.creation(creator, slug),
	})
	if err != nil {
		return err
	}
	if r.status != http.StatusCreated {
		return unexpected("create", r)
	}
	id := r.id()
	r, err = a.do(ctx, call{
		kind:    kindPublish,
		method:  http.MethodPost,
		path:    "/api/content/" + id + "/publish",
		key:     "publish-" + slug,
		subject: id,
	})
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return unexpected("publish", r)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, item{id, creator})
	return nil
}

// buy pays for an item and waits until it is open, as a buyer does who comes back from the
// payment page.
func (l *load) buy(ctx context.Context) error {
	it, found := l.anItem()
	buyer := rand.N(len(l.buyers)) //nolint:gosec // a choice of work
	if !found || !l.take(buyer, it.id) {
		return l.sell(ctx)
	}
	a := l.buyers[buyer]
	r, err := a.do(ctx, call{
		kind:    kindCheckout,
		method:  http.MethodPost,
		path:    "/checkout/create",
		key:     "buy-" + it.id,
		subject: it.id,
		body: map[string]string{
			"contentId":  it.id,
			"successUrl": a.base + "/library",
			"cancelUrl":  a.base + "/",
		},
	})
	if err != nil {
		return err
	}
	var session struct{ SessionID string }
	if r.data(&session); r.status != http.StatusOK || session.SessionID == "" {
		return unexpected("checkout", r)
	}
	intent, err := l.pay(ctx, session.SessionID)
	if err != nil {
		return err
	}
	return l.follow(ctx, buyer, &purchase{buyer: buyer, content: it.id, intent: intent}, session.SessionID)
}

// take reserves an item for a buyer, once.
func (l *load) take(buyer int, content string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	mark := fmt.Sprint(buyer, " ", content)
	if l.taken[mark] {
		return false
	}
	l.taken[mark] = true
	return true
}

// follow asks until the buyer has access, and measures it from the payment.
func (l *load) follow(ctx context.Context, buyer int, p *purchase, session string) error {
	a, paid := l.buyers[buyer], time.Now()
	verify := call{
		kind:    kindVerify,
		method:  http.MethodGet,
		path:    "/checkout/verify?session_id=" + session,
		subject: p.content,
	}
	verified := make(chan struct{})
	go func() {
		defer close(verified)
		_, _ = a.do(ctx, verify)
	}()
	defer func() { <-verified }()
	err := until(ctx, operationLimit, 200*time.Millisecond, func(ctx context.Context) error {
		allowed, err := l.allowed(ctx, buyer, p.content)
		if err == nil && !allowed {
			err = errDenied
		}
		return err
	})
	l.journal.accessAfter(time.Since(paid))
	if err != nil {
		return fmt.Errorf("paid %s without access: %w", p.intent, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owned = append(l.owned, p)
	return nil
}

var errDenied = errors.New("access is denied")

// allowed asks for the access decision.
func (l *load) allowed(ctx context.Context, buyer int, content string) (bool, error) {
	type decision struct{ Allowed bool }
	r, err := l.buyers[buyer].do(ctx, call{
		kind:    kindDecision,
		method:  http.MethodGet,
		path:    "/api/access/content/" + content + "/decision",
		subject: content,
		value: func(r response) int64 {
			var d decision
			if r.data(&d); d.Allowed {
				return 1
			}
			return 0
		},
	})
	if err != nil {
		return false, err
	}
	if r.status != http.StatusOK {
		return false, unexpected("decision", r)
	}
	var d decision
	r.data(&d)
	return d.Allowed, nil
}

// pay presses Pay at the sandbox and returns the payment intent.
func (l *load) pay(ctx context.Context, session string) (string, error) {
	r, err := l.sandbox(ctx, "/sandbox/sessions/"+session+"/pay")
	if err != nil {
		return "", err
	}
	var paid struct {
		Intent string `json:"payment_intent"`
	}
	if err := json.Unmarshal(r.body, &paid); err != nil || r.status != http.StatusOK || paid.Intent == "" {
		return "", unexpected("pay", r)
	}
	return paid.Intent, nil
}

// sandbox calls the payments sandbox, which is no part of what is tested: no row of the journal.
func (l *load) sandbox(ctx context.Context, path string) (response, error) {
	payer := &account{base: l.cluster.payments.URL(), http: l.prober.http}
	return payer.send(ctx, call{method: http.MethodPost, path: path}, nil)
}

// decide asks for access to any item.
func (l *load) decide(ctx context.Context) error {
	it, found := l.anItem()
	if !found {
		return l.sell(ctx)
	}
	_, err := l.allowed(ctx, rand.N(len(l.buyers)), it.id) //nolint:gosec // a choice of work
	return err
}

// watch reports progress, now and then an earlier position, and reads it.
func (l *load) watch(ctx context.Context) error {
	p, position := l.aPurchase()
	if p == nil {
		return l.buy(ctx)
	}
	if rand.N(4) == 0 { //nolint:gosec // a choice of work
		position /= 2
	}
	path := "/api/access/content/" + p.content + "/progress"
	a := l.buyers[p.buyer]
	r, err := a.do(ctx, call{
		kind:    kindProgress,
		method:  http.MethodPost,
		path:    path,
		key:     uuid.NewString(),
		subject: p.content,
		body:    map[string]int{"positionSeconds": position, "durationSeconds": duration},
		value:   func(response) int64 { return int64(position) },
	})
	if err != nil {
		return err
	}
	if r.status != http.StatusNoContent && r.status != http.StatusForbidden { // refunded meanwhile
		return unexpected("progress", r)
	}
	if _, err = a.do(ctx, call{
		kind:    kindWatched,
		method:  http.MethodGet,
		path:    path,
		subject: p.content,
		value: func(r response) int64 {
			var saved struct {
				Progress struct{ PositionSeconds int64 }
			}
			r.data(&saved)
			return saved.Progress.PositionSeconds
		},
	}); err != nil {
		return err
	}
	return nil
}

func (l *load) library(ctx context.Context) error {
	r, err := l.buyers[rand.N(len(l.buyers))].do(ctx, call{ //nolint:gosec // a choice of work
		kind:   kindLibrary,
		method: http.MethodGet,
		path:   "/api/access/user/library",
	})
	if err == nil && r.status != http.StatusOK {
		err = unexpected("library", r)
	}
	return err
}

// refund gives the money of a purchase back, all of it, at the payment provider.
func (l *load) refund(ctx context.Context) error {
	l.mu.Lock()
	if len(l.owned) < 20 {
		l.mu.Unlock()
		return l.buy(ctx)
	}
	place := pickRecent(len(l.owned))
	p := l.owned[place]
	l.owned = append(l.owned[:place:place], l.owned[place+1:]...)
	l.mu.Unlock()
	r, err := l.sandbox(ctx, "/sandbox/payment_intents/"+p.intent+"/refund")
	if err == nil && r.status != http.StatusOK {
		err = unexpected("refund", r)
	}
	return err
}

// reuseKey sends a key again with another payload, which must not be applied.
func (l *load) reuseKey(ctx context.Context) error {
	a, slug := l.creators[1], "reused-"+uuid.NewString()
	first := call{
		kind:    kindCreate,
		method:  http.MethodPost,
		path:    "/api/content",
		key:     slug,
		subject: slug,
		body:    l.creation(1, slug),
	}
	if r, err := a.do(ctx, first); err != nil || r.status != http.StatusCreated {
		return err
	}
	other := first
	other.kind, other.subject, other.body = kindReused, slug+"-other", l.creation(1, slug+"-other")
	r, err := a.do(ctx, other)
	if err == nil && r.status != http.StatusUnprocessableEntity {
		err = unexpected("a used key with another payload", r)
	}
	return err
}

// malformed sends a body that is refused at once.
func (l *load) malformed(ctx context.Context) error {
	r, err := l.creators[1].do(ctx, call{
		kind:   kindMalformed,
		method: http.MethodPost,
		path:   "/api/content",
		key:    uuid.NewString(),
		raw:    `{"title": "no`,
	})
	if err == nil && (r.status < 400 || r.status > 499) {
		err = unexpected("a malformed body", r)
	}
	return err
}

// foreign tries to publish the item of another creator.
func (l *load) foreign(ctx context.Context) error {
	it, found := l.anItem()
	if !found {
		return l.sell(ctx)
	}
	other := l.creators[(it.creator+1)%len(l.creators)]
	r, err := other.do(ctx, call{
		kind:    kindForeign,
		method:  http.MethodPatch,
		path:    "/api/content/" + it.id,
		key:     uuid.NewString(),
		subject: it.id,
		body:    map[string]string{"title": "Stolen"},
	})
	if err == nil && r.status != http.StatusNotFound && r.status != http.StatusForbidden {
		err = unexpected("a change of a foreign item", r)
	}
	return err
}

// probeLimit is for the end of an upload, which runs ffprobe.
const probeLimit = 40 * time.Second

// upload brings a second of sound and waits until it can be streamed.
func (l *load) upload(ctx context.Context) error {
	a, clip, key := l.creators[2], tone(), uuid.NewString()
	r, err := a.do(ctx, call{
		kind:   kindMedia,
		method: http.MethodPost,
		path:   "/api/media",
		key:    key,
		body: map[string]any{
			"title":         "Tone",
			"mediaType":     "audio",
			"mimeType":      "audio/wav",
			"fileSizeBytes": len(clip),
		},
	})
	if err != nil {
		return err
	}
	var media struct{ ID, PresignedURL string }
	if r.data(&media); r.status != http.StatusCreated {
		return unexpected("register media", r)
	}
	if err := l.store(ctx, media.PresignedURL, clip); err != nil {
		return err
	}
	r, err = a.do(ctx, call{
		kind:    kindUploaded,
		method:  http.MethodPost,
		path:    "/api/media/" + media.ID + "/upload-complete",
		attempt: probeLimit,
		key:     "complete-" + key,
		subject: media.ID,
	})
	if err == nil && r.status != http.StatusOK {
		err = unexpected("complete an upload", r)
	}
	return err
}

func (l *load) store(ctx context.Context, address string, clip []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, address, strings.NewReader(string(clip)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "audio/wav")
	stored, err := l.prober.http.Do(request)
	if err != nil {
		return err
	}
	_ = stored.Body.Close()
	if stored.StatusCode != http.StatusOK {
		return fmt.Errorf("store the upload: %s", stored.Status)
	}
	return nil
}
