package media

import (
	"fmt"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// ErrNoFrame says that the renditions cannot be read for a poster.
var ErrNoFrame = newError(domain.Rule, "NO_FRAME",
	"There is no picture that could be read at this time; upload one instead")

// PosterTime says of which time of a film the picture is the poster.
type PosterTime struct {
	TimeSeconds *float64 `json:"timeSeconds" jsonschema:"required,minimum=0,maximum=86400,example=2.5"`
}

// HasFrame returns an error unless the item is a film that can be shown and has this time.
func (i Item) HasFrame(seconds float64) error {
	if i.Type != Video || i.Status != Ready || len(i.ReadyVariants) == 0 || !SafeKey(i.MasterKey) {
		return With(ErrState, map[string]any{
			"status":    i.Status,
			"mediaType": i.Type,
			"allowed":   []Status{Ready},
		})
	}
	if end := domain.OrZero(i.DurationSeconds); seconds > float64(end) {
		return domain.BadFields([]domain.Field{{
			Path:    "timeSeconds",
			Message: fmt.Sprintf("must not be behind the end, at %d seconds", end),
		}})
	}
	return nil
}

// ShowPoster makes an image the poster of the item; nil makes it the automatic one again.
func (i Item) ShowPoster(address *string, f Facts, now time.Time) (Item, []events.Payload, error) {
	if err := i.Authorize(f.Actor); err != nil {
		return i, nil, err
	}
	if domain.OrZero(address) == domain.OrZero(i.PosterURL) {
		return i, nil, nil
	}
	i.PosterURL = address
	next, payloads := i.changed(now, events.MediaRevised{MediaID: i.ID, Fields: []string{"posterUrl"}})
	return next, payloads, nil
}
