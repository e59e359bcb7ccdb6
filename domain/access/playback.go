package access

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// completedPercent is the share of an item from which on it counts as completed.
const completedPercent = 95

// Progress is what a player reports: where it is, in whole seconds.
type Progress struct {
	PositionSeconds *int `json:"positionSeconds" jsonschema:"required,minimum=0,maximum=2147483647,example=30"`
	DurationSeconds *int `json:"durationSeconds" jsonschema:"required,minimum=1,maximum=2147483647,example=120"`
	// Completed says that the player reached the end, at any position.
	Completed bool `json:"completed,omitempty"`
}

// Validate returns what is wrong with a report. A position beyond the duration is valid:
// durations are estimates.
func (p Progress) Validate() []domain.Field { return domain.Check(p) }

// CommandRecordPlayback is the name of the command whose payload is [Record].
const CommandRecordPlayback = "playback.record"

// Record is the command playback.record. Its aggregate is the playback of the
// actor and the content.
type Record struct {
	ContentID string `json:"contentId"`
	Progress
}

// Playback is how far one user got in one item.
type Playback struct {
	ID        string
	UserID    string
	ContentID string
	// PositionSeconds is the furthest position reported, DurationSeconds the
	// duration that was reported with it.
	PositionSeconds int
	DurationSeconds int
	// Completed is never unset.
	Completed bool
	CreatedAt time.Time
	// UpdatedAt is the time of the last report, also of one with a smaller position.
	UpdatedAt time.Time
	// Version counts the playback's events.
	Version int64
}

// Percent returns how much was played, from 0 to 100, rounded down.
func (p Playback) Percent() int {
	if p.DurationSeconds <= 0 {
		return 0
	}
	return int(min(100, int64(p.PositionSeconds)*100/int64(p.DurationSeconds)))
}

// Record applies a report. The order of reports does not matter: the furthest position is
// kept, of equal ones that with the longer duration.
func (p Playback) Record(cmd Record, verdict Verdict, now time.Time) (Playback, []events.Payload, error) {
	if err := domain.BadFields(cmd.Validate()); err != nil {
		return p, nil, err
	}
	if err := verdict.Err(); err != nil {
		return p, nil, err
	}

	position, duration := *cmd.PositionSeconds, *cmd.DurationSeconds
	next := p
	next.UpdatedAt = now
	if p.CreatedAt.IsZero() {
		next.CreatedAt = now
	}
	if position > p.PositionSeconds || (position == p.PositionSeconds && duration > p.DurationSeconds) {
		next.PositionSeconds, next.DurationSeconds = position, duration
	}
	next.Completed = p.Completed || cmd.Completed || complete(position, duration)

	var payloads []events.Payload
	if p.CreatedAt.IsZero() {
		payloads = append(payloads, events.PlaybackStarted{UserID: p.UserID, ContentID: p.ContentID})
	}
	if next.PositionSeconds > p.PositionSeconds {
		payloads = append(payloads, events.PlaybackProgressed{
			UserID:          p.UserID,
			ContentID:       p.ContentID,
			PositionSeconds: next.PositionSeconds,
			DurationSeconds: next.DurationSeconds,
		})
	}
	if next.Completed && !p.Completed {
		payloads = append(payloads, events.PlaybackCompleted{UserID: p.UserID, ContentID: p.ContentID})
	}
	next.Version += int64(len(payloads))
	return next, payloads, nil
}

// complete reports whether a position is close enough to the end.
func complete(position, duration int) bool {
	return duration > 0 && int64(position)*100 >= int64(duration)*completedPercent
}
