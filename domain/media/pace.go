package media

import "time"

const (
	// paceGap is the silence after which a job is measured anew: its worker was replaced, or it
	// waited. It is longer than the time between two reports of a job that runs.
	paceGap = 3 * time.Minute
	// paceGain is how many per cent must have been gained before an estimate is given.
	paceGain = 3
)

// Pace is the measurement from which the end of a job is estimated.
type Pace struct {
	// Since is when the measurement began, at From per cent; nil before the first report.
	Since *time.Time
	From  *int
	// EndsAt is the estimated end; nil until enough was gained.
	EndsAt *time.Time
}

// next is the pace after a report at a percentage. seen is the time of the report before.
func (p Pace) next(seen *time.Time, percent int, now time.Time) Pace {
	if p.Since == nil || p.From == nil || seen == nil || now.Sub(*seen) > paceGap {
		return Pace{Since: &now, From: &percent}
	}
	gained := percent - *p.From
	if gained < paceGain {
		return p
	}
	ends := now.Add(now.Sub(*p.Since) * time.Duration(100-percent) / time.Duration(gained)).Truncate(time.Second)
	p.EndsAt = &ends
	return p
}

// SecondsLeft estimates the time until the running job ends, at least 0; nil while it is unknown.
func (i Item) SecondsLeft(now time.Time) *int {
	if i.Pace.EndsAt == nil {
		return nil
	}
	left := max(0, int(i.Pace.EndsAt.Sub(now).Seconds()))
	return &left
}

// LargeOriginal is the size of an original that is taken for a long one until its duration is known.
const LargeOriginal = 1 << 30

// LooksLong reports whether a job is taken for a long one before its source was examined.
func (i Item) LooksLong() bool { return i.SizeBytes >= LargeOriginal }
