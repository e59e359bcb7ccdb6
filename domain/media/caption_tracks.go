package media

import (
	"slices"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// The names of the commands for captions.
const (
	CommandSetCaptions    = "media.set_captions"
	CommandRemoveCaptions = "media.remove_captions"
)

// maxCaptions is how many languages an item may have captions in.
const maxCaptions = 50

// CaptionKind is what a track is for.
type CaptionKind string

// The kinds: subtitles are what is said, for who hears it; captions also name the sounds.
const (
	Subtitles CaptionKind = "subtitles"
	Captions  CaptionKind = "captions"
)

// CaptionTrack is one language of an item's captions. Its text is stored apart.
type CaptionTrack struct {
	// Language is a BCP 47 tag, for example "en" or "pt-BR". It identifies the track.
	Language string      `json:"language"`
	Label    string      `json:"label"`
	Kind     CaptionKind `json:"kind"`
	// Default is the track that players show unless the viewer chooses another; one at most.
	Default bool `json:"default"`
	// Forced tracks have only what is not said in the language of the film.
	Forced bool `json:"forced"`
	// Extracted captions were in the file; a creator may replace or remove them.
	Extracted bool `json:"extracted"`
	// UpdatedAt is when its text was set.
	UpdatedAt time.Time `json:"updatedAt"`
}

// CaptionText is what a creator says about one language's captions.
type CaptionText struct {
	Label string `json:"label" jsonschema:"required,minLength=1,maxLength=100,example=English"`
	// Kind is by default subtitles.
	Kind CaptionKind `json:"kind,omitempty" jsonschema:"enum=subtitles,enum=captions,example=subtitles"`
	// Default makes the track the one that players show unless the viewer chooses another.
	Default bool `json:"default,omitempty"`
	// Text is WebVTT or SubRip in a request; in a command it is WebVTT.
	Text string `json:"text" jsonschema:"required,minLength=1,maxLength=524288,example=WEBVTT\n\n00:01.000 --> 00:02.500\nHello."`
}

// SetCaptions adds the captions of a language, or replaces them.
type SetCaptions struct {
	Language string `json:"language" jsonschema:"required,maxLength=35,pattern=^[A-Za-z][A-Za-z][A-Za-z]?(-[A-Za-z0-9]+)*$,example=en" rule:"must be a language tag, as en or pt-BR"`
	CaptionText
}

// Validate normalises the label, sets the default and returns the fields that break the contract's
// limits. It does not read the text.
func (c *SetCaptions) Validate() []domain.Field {
	c.Label = domain.Name(c.Label)
	v := domain.Validate(c)
	v.Name("label", c.Label)
	if len(v.Fields) > 0 {
		return v.Fields
	}
	if c.Kind == "" {
		c.Kind = Subtitles
	}
	c.Language = canonicalLanguage(c.Language)
	return nil
}

// canonicalLanguage returns a tag as it is usually written: pt-BR, zh-Hans.
func canonicalLanguage(tag string) string {
	parts := strings.Split(strings.ToLower(tag), "-")
	for i, part := range parts[1:] {
		switch len(part) {
		case 2:
			parts[i+1] = strings.ToUpper(part)
		case 4:
			parts[i+1] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "-")
}

// RemoveCaptions removes the captions of a language.
type RemoveCaptions struct {
	Language string `json:"language"`
}

// SetCaptions adds or replaces the captions of a language. The text is stored by the caller.
func (i Item) SetCaptions(cmd SetCaptions, f Facts, now time.Time) (Item, []events.Payload, error) {
	if err := i.Authorize(f.Actor); err != nil {
		return i, nil, err
	}
	if err := domain.BadFields(cmd.Validate()); err != nil {
		return i, nil, err
	}
	track := CaptionTrack{
		Language:  cmd.Language,
		Label:     cmd.Label,
		Kind:      cmd.Kind,
		Default:   cmd.Default,
		UpdatedAt: now,
	}
	if i.captions(track.Language) < 0 && len(i.Captions) == maxCaptions {
		return i, nil, ErrTooManyCaptions
	}
	i.Captions = withTrack(i.Captions, track)
	for n := range i.Captions {
		if track.Default && i.Captions[n].Language != track.Language {
			i.Captions[n].Default = false
		}
	}
	next, payloads := i.changed(now, events.MediaCaptionsSet{
		MediaID:  i.ID,
		Language: track.Language,
		Kind:     string(track.Kind),
	})
	return next, payloads, nil
}

// RemoveCaptions removes the captions of a language.
func (i Item) RemoveCaptions(cmd RemoveCaptions, f Facts, now time.Time) (Item, []events.Payload, error) {
	if err := i.Authorize(f.Actor); err != nil {
		return i, nil, err
	}
	n := i.captions(canonicalLanguage(cmd.Language))
	if n < 0 {
		return i, nil, ErrCaptionsNotFound
	}
	language := i.Captions[n].Language
	i.Captions = slices.Delete(slices.Clone(i.Captions), n, n+1)
	next, payloads := i.changed(now, events.MediaCaptionsRemoved{MediaID: i.ID, Language: language})
	return next, payloads, nil
}

// CaptionsIn returns the track of a language, however its tag is written.
func (i Item) CaptionsIn(language string) (track CaptionTrack, found bool) {
	if n := i.captions(canonicalLanguage(language)); n >= 0 {
		return i.Captions[n], true
	}
	return CaptionTrack{}, false
}

// captions returns the index of a language's track, -1 without one.
func (i Item) captions(language string) int {
	return slices.IndexFunc(i.Captions, func(t CaptionTrack) bool { return t.Language == language })
}
