package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// progress is how far a viewer is. Players report whole seconds, in which 96 % of
// 20 s cannot be said; so this one counts in hundredths of the video.
type progress struct {
	PositionSeconds int  `json:"positionSeconds"`
	DurationSeconds int  `json:"durationSeconds"`
	Completed       bool `json:"completed,omitempty"`
}

const (
	watched = 96
	whole   = 100
)

// saveProgress reports 96 %, which completes, and then a place before it, which must
// not undo that.
func (s *show) saveProgress(ctx context.Context) (string, error) {
	path := "/api/access/content/" + s.content.id + "/progress"
	for _, position := range []int{watched, watched / 2} {
		report := progress{PositionSeconds: position, DurationSeconds: whole}
		_, err := s.buyer.must(ctx, http.StatusNoContent, http.MethodPost, path, report)
		if err != nil {
			return "", err
		}
		a, err := s.buyer.must(ctx, http.StatusOK, http.MethodGet, path, nil)
		if err != nil {
			return "", err
		}
		saved, err := one[struct{ Progress *progress }](a)
		if err != nil {
			return "", err
		}
		if p := saved.Progress; p == nil || p.PositionSeconds != watched || !p.Completed {
			return "", differs(fmt.Sprintf("position %d, completed, after reporting %d", watched, position), "%s", a.summary())
		}
	}
	return "completed, and going back does not undo it", nil
}

// listLibrary expects the video among what the buyer owns, and the payment among
// what was paid.
func (s *show) listLibrary(ctx context.Context) (string, error) {
	if err := s.checkLibrary(ctx); err != nil {
		return "", err
	}
	a, err := s.buyer.must(ctx, http.StatusOK, http.MethodGet, "/purchases?contentId="+url.QueryEscape(s.content.id), nil)
	if err != nil {
		return "", err
	}
	rows, err := many[struct {
		ContentID, ContentTitle, Currency, Status string
		AmountPaidCents                           int64
	}](a)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 {
		return "", differs("one purchase", "%d", len(rows))
	}
	p := rows[0]
	if p.ContentID != s.content.id || p.ContentTitle != s.content.title ||
		p.Status != "completed" || p.AmountPaidCents != int64(s.content.price) {
		return "", differs("a completed purchase of the video for "+s.content.written(),
			"%q of %q for %d", p.Status, p.ContentTitle, p.AmountPaidCents)
	}
	return fmt.Sprintf("purchased, %d %% seen; %d %s %s", watched, p.AmountPaidCents, p.Currency, p.Status), nil
}

func (s *show) checkLibrary(ctx context.Context) error {
	a, err := s.buyer.must(ctx, http.StatusOK, http.MethodGet, "/api/access/user/library", nil)
	if err != nil {
		return err
	}
	items, err := many[struct {
		Content    struct{ ID, Title string }
		AccessType string
		Purchase   *struct{ PriceCents int64 }
		Progress   *struct {
			PercentComplete float64
			Completed       bool
		}
	}](a)
	if err != nil {
		return err
	}
	if len(items) != 1 || items[0].Content.ID != s.content.id {
		return differs("the video, alone, in the library", "%s", a.summary())
	}
	item := items[0]
	switch {
	case item.AccessType != "purchased" || item.Purchase == nil || item.Purchase.PriceCents != int64(s.content.price):
		return differs("it to be purchased for "+s.content.written(), "%s", a.summary())
	case item.Progress == nil || !item.Progress.Completed || item.Progress.PercentComplete != watched:
		return differs(fmt.Sprintf("it to be completed at %d %%", watched), "%s", a.summary())
	}
	return nil
}
