package demo

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// priceCents is £29.99, in pence.
const (
	priceCents = 2999
	priceText  = "29.99"
)

// content is what is sold.
type content struct{ id, title string }

func (s *show) makeOrganization(ctx context.Context) (string, error) {
	slug := "demo-" + s.run
	a, err := s.creator.must(ctx, http.StatusCreated, http.MethodPost, "/api/organizations", map[string]string{
		"name": "Demo " + s.run, "slug": slug,
	})
	if err != nil {
		return "", err
	}
	made, err := one[struct{ ID string }](a)
	s.organization = made.ID
	return slug, err
}

// publish makes the content item and puts it on sale.
func (s *show) publish(ctx context.Context) (string, error) {
	s.content.title = "A film about colours " + s.run
	a, err := s.creator.must(ctx, http.StatusCreated, http.MethodPost, "/api/content", map[string]any{
		"title": s.content.title, "slug": "film-" + s.run, "contentType": "video", "mediaItemId": s.film.id,
		"organizationId": s.organization, "accessType": "paid", "priceCents": priceCents,
	})
	if err != nil {
		return "", err
	}
	type item struct {
		ID, Status string
		PriceCents int64
	}
	made, err := one[item](a)
	if err != nil {
		return "", err
	}
	if made.Status != "draft" {
		return "", differs("a new item to be a draft", "%q", made.Status)
	}
	s.content.id = made.ID
	if a, err = s.creator.must(ctx, http.StatusOK, http.MethodPost, "/api/content/"+made.ID+"/publish", nil); err != nil {
		return "", err
	}
	live, err := one[item](a)
	if err == nil && (live.Status != "published" || live.PriceCents != priceCents) {
		err = differs("it to be published at 2999", "%q at %d", live.Status, live.PriceCents)
	}
	return s.content.title, err
}

func (s *show) streamPath() string { return "/api/access/content/" + s.content.id + "/stream" }

// stream is what a buyer gets to play.
type stream struct {
	StreamingURL string    `json:"streamingUrl"`
	ExpiresAt    time.Time `json:"expiresAt"`
}

func (s *show) deniedBefore(ctx context.Context) (string, error) {
	a, err := s.buyer.call(ctx, http.MethodGet, s.streamPath(), nil)
	if err != nil {
		return "", err
	}
	if err := a.expectDenied(); err != nil {
		return "", err
	}
	a, err = s.player.must(ctx, http.StatusUnauthorized, http.MethodGet, s.streamPath(), nil)
	return "403 " + accessDenied + "; without a session " + strconv.Itoa(a.status), err
}
