package publishing

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// usage remembers how many items creators have who are far from their quota, so that not
// every creation counts them, which takes longer the more there are. A user sends 100
// requests a minute at most: who is a thousand items away is within the quota a minute later.
type usage struct{ far *lru.Cache[string, counted] }

type counted struct {
	items int64
	at    time.Time
}

const (
	usageFor  = time.Minute
	usageFar  = 1000
	usageKept = 10_000 // creators
)

func newUsage() *usage {
	far, err := lru.New[string, counted](usageKept)
	if err != nil {
		panic(err) // a negative size
	}
	return &usage{far}
}

// recall returns how many items a creator had less than a minute ago. It is false for those
// who have to be counted.
func (u *usage) recall(creator string) (items int64, far bool) {
	c, known := u.far.Get(creator)
	return c.items, known && time.Since(c.at) < usageFor
}

// note remembers a count, if it is far from the quota; a quota of 0 is none.
func (u *usage) note(creator string, items, quota int64) {
	if quota == 0 || quota-items > usageFar {
		u.far.Add(creator, counted{items, time.Now()})
	}
}
