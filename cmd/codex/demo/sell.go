package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/codex-platform/codex/domain/money"
)

// content is what is sold.
type content struct {
	id, title string
	price     money.Cents
	currency  money.Currency
}

// usualPrice is what the video costs where that can be charged: £29.99, ¥2999.
const usualPrice = 2999

// priceIn returns a price that can be charged in a currency.
func priceIn(c money.Currency) money.Cents {
	price := money.Cents(usualPrice)
	if price < c.Minimum {
		price = 2 * c.Minimum
	}
	if rest := price % c.Step; rest != 0 {
		price += c.Step - rest
	}
	return price
}

// written is the price as the payment provider's pages write it.
func (c content) written() string { return c.currency.Format(c.price) }

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

// publish makes the content item and puts it on sale, at a price in the currency that the
// platform gives the item. Who buys it may download the original.
func (s *show) publish(ctx context.Context) (string, error) {
	s.content.title = "A film about colours " + s.run
	a, err := s.creator.must(ctx, http.StatusCreated, http.MethodPost, "/api/content", map[string]any{
		"title": s.content.title, "slug": "film-" + s.run, "contentType": "video", "mediaItemId": s.film.id,
		"organizationId": s.organization,
	})
	if err != nil {
		return "", err
	}
	type item struct {
		ID, Status string
		PriceCents money.Cents
		Currency   string
		Download   string
	}
	made, err := one[item](a)
	if err != nil {
		return "", err
	}
	if made.Status != "draft" {
		return "", differs("a new item to be a draft", "%q", made.Status)
	}
	s.content.id = made.ID
	s.content.currency = money.CurrencyOf(made.Currency)
	s.content.price = priceIn(s.content.currency)
	_, err = s.creator.must(ctx, http.StatusOK, http.MethodPatch, "/api/content/"+made.ID, map[string]any{
		"accessType": "paid", "priceCents": s.content.price, "download": "original",
	})
	if err != nil {
		return "", err
	}
	if a, err = s.creator.must(ctx, http.StatusOK, http.MethodPost, "/api/content/"+made.ID+"/publish", nil); err != nil {
		return "", err
	}
	live, err := one[item](a)
	if err == nil && (live.Status != "published" || live.PriceCents != s.content.price || live.Download != "original") {
		err = differs("it to be published at "+s.content.written()+", its original for download",
			"%q at %d, download %q", live.Status, live.PriceCents, live.Download)
	}
	return s.content.title + " for " + s.content.written(), err
}

func (s *show) streamPath() string { return "/api/access/content/" + s.content.id + "/stream" }

// stream is what a buyer gets to play.
type stream struct {
	StreamingURL  string    `json:"streamingUrl"`
	StoryboardURL string    `json:"storyboardUrl"`
	ExpiresAt     time.Time `json:"expiresAt"`
	Captions      []struct {
		Language, URL string
	} `json:"captions"`
	Chapters *struct {
		URL, TrackURL string
	} `json:"chapters"`
}

// addresses are those that the API itself responds to: each decides about access again.
func (s stream) addresses() []string {
	list := []string{s.StreamingURL, s.StoryboardURL, s.Chapters.URL, s.Chapters.TrackURL}
	for _, c := range s.Captions {
		list = append(list, c.URL)
	}
	return list
}

// deniedBefore expects no way to the video to be open to who has not paid.
func (s *show) deniedBefore(ctx context.Context) (string, error) {
	a, err := s.buyer.call(ctx, http.MethodGet, s.streamPath(), nil)
	if err == nil {
		err = a.expectDenied()
	}
	if err != nil {
		return "", err
	}
	if err := s.openPodcast(ctx); err != nil {
		return "", err
	}
	if err := s.nothingToTake(ctx); err != nil {
		return "", err
	}
	a, err = s.player.must(ctx, http.StatusUnauthorized, http.MethodGet, s.streamPath(), nil)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("403 %s, no download, no episode; without a session %d", accessDenied, a.status), nil
}

// nothingToTake expects the buyer to have no access to what is kept outside of players: the
// download is denied, and the podcast feed has no episode.
func (s *show) nothingToTake(ctx context.Context) error {
	a, err := s.buyer.call(ctx, http.MethodPost, s.downloadPath(), nil)
	if err == nil {
		err = a.expectDenied()
	}
	if err != nil {
		return err
	}
	return s.expectNoEpisodes(ctx)
}
