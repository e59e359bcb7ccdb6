package media

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// CommandSetChapters is the name of the command.
const CommandSetChapters = "media.set_chapters"

// Chapter begins at a time and lasts until the next one. Its shape is that of the JSON chapters of
// Podcasting 2.0.
type Chapter struct {
	// StartTime is in seconds.
	StartTime float64 `json:"startTime" jsonschema:"minimum=0,maximum=86400,example=0"`
	Title     string  `json:"title" jsonschema:"required,minLength=1,maxLength=100,example=Introduction"`
}

// Chapters are those of an item in the order of their starts.
type Chapters struct {
	// Edited says that the creator set them: those of the file are ignored.
	Edited bool      `json:"edited,omitempty"`
	List   []Chapter `json:"list,omitempty"`
}

// ChaptersDocument is the JSON chapters format of Podcasting 2.0.
type ChaptersDocument struct {
	Version  string    `json:"version" jsonschema:"example=1.2.0"`
	Chapters []Chapter `json:"chapters"`
}

// Document returns the chapters for players and podcast apps.
func (c Chapters) Document() ChaptersDocument {
	list := c.List
	if list == nil {
		list = []Chapter{}
	}
	return ChaptersDocument{Version: "1.2.0", Chapters: list}
}

// SetChapters replaces the chapters of an item; an empty list removes them.
type SetChapters struct {
	Chapters []Chapter `json:"chapters" jsonschema:"required,maxItems=250"`
}

// Validate normalises the titles and returns the fields that break the contract's limits.
func (c *SetChapters) Validate() []domain.Field {
	c.Chapters = slices.Clone(c.Chapters)
	for n := range c.Chapters {
		c.Chapters[n].Title = domain.Name(c.Chapters[n].Title)
	}
	v := domain.Validate(c)
	if c.Chapters == nil {
		v.Reject("chapters", "is required")
	}
	starts := map[int64]bool{}
	for n, chapter := range c.Chapters {
		v.Name(fmt.Sprintf("chapters.%d.title", n), chapter.Title)
		if start := milliseconds(chapter); starts[start] {
			v.Reject(fmt.Sprintf("chapters.%d.startTime", n), "is the start of another chapter")
		} else {
			starts[start] = true
		}
	}
	return v.Fields
}

// SetChapters replaces the chapters. They must start inside the duration, once it is known.
func (i Item) SetChapters(cmd SetChapters, f Facts, now time.Time) (Item, []events.Payload, error) {
	if err := i.Authorize(f.Actor); err != nil {
		return i, nil, err
	}
	bad := cmd.Validate()
	for n, chapter := range cmd.Chapters {
		if i.DurationSeconds != nil && chapter.StartTime >= float64(*i.DurationSeconds) {
			bad = append(bad, domain.Field{
				Path:    fmt.Sprintf("chapters.%d.startTime", n),
				Message: fmt.Sprintf("must be before the end, at %d seconds", *i.DurationSeconds),
			})
		}
	}
	if err := domain.BadFields(bad); err != nil {
		return i, nil, err
	}
	i.Chapters = Chapters{Edited: true, List: sortedChapters(cmd.Chapters)}
	next, payloads := i.changed(now, events.MediaChaptersSet{MediaID: i.ID, Count: len(i.Chapters.List)})
	return next, payloads, nil
}

// sortedChapters returns chapters in the order of their starts, nil for none.
func sortedChapters(list []Chapter) []Chapter {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Chapter) int { return cmp.Compare(milliseconds(a), milliseconds(b)) })
	return list
}

func milliseconds(c Chapter) int64 { return int64(c.StartTime*1000 + 0.5) }
