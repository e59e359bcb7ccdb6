package media

import (
	"cmp"
	"slices"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// CommandRecordCaptions is the name of the command for captions that are in the file of an item. A
// transcoder sends it before the result of its job.
const CommandRecordCaptions = "media.record_captions"

// CodeDamagedCaptions is the code of a note about captions that cannot be read.
const CodeDamagedCaptions = "DAMAGED_SUBTITLES"

// OutputCaptions is one subtitle track of a file in the result of a job.
type OutputCaptions struct {
	// Key is the object with the text, as WebVTT or SubRip.
	Key      string      `json:"key" jsonschema:"required,maxLength=500"`
	Language string      `json:"language" jsonschema:"required,maxLength=35,pattern=^[A-Za-z][A-Za-z][A-Za-z]?(-[A-Za-z0-9]+)*$"`
	Label    string      `json:"label" jsonschema:"required,maxLength=100"`
	Kind     CaptionKind `json:"kind,omitempty" jsonschema:"enum=subtitles,enum=captions"`
	Default  bool        `json:"default,omitempty"`
	Forced   bool        `json:"forced,omitempty"`
}

// Note says what of a file was left out although the rest of it could be converted.
type Note struct {
	// Code is stable, for example PICTURE_SUBTITLES.
	Code string `json:"code" jsonschema:"required,maxLength=63,pattern=^[A-Z][A-Z_]+$,example=PICTURE_SUBTITLES"`
	// Stream is the number of the stream in the file, from 0.
	Stream int `json:"stream" jsonschema:"minimum=0,maximum=1000,example=3"`
	// Message is a sentence for the owner.
	Message string `json:"message" jsonschema:"required,maxLength=300,example=The subtitles (stream 3) are pictures; upload them as WebVTT or SubRip."`
}

// RecordCaptions records the text of a subtitle track of the file.
type RecordCaptions struct {
	JobID string `json:"jobId"`
	OutputCaptions
	// Text is WebVTT.
	Text string `json:"text"`
}

// RecordCaptions adds the captions of a language, or replaces extracted ones. Those of the creator
// stay. The text is stored by the caller.
func (i Item) RecordCaptions(cmd RecordCaptions, now time.Time) (Item, []events.Payload, Ignored) {
	if !i.Wants(cmd.JobID) {
		return i, nil, cmp.Or(i.staleness(cmd.JobID), Over)
	}
	track := CaptionTrack{
		Language:  canonicalLanguage(cmd.Language),
		Label:     domain.Name(cmd.Label),
		Kind:      cmp.Or(cmd.Kind, Subtitles),
		Default:   cmd.Default,
		Forced:    cmd.Forced,
		Extracted: true,
		UpdatedAt: now,
	}
	known, found := i.CaptionsIn(track.Language)
	if found && !known.Extracted || !found && len(i.Captions) == maxCaptions {
		return i, nil, CreatorsCaptions
	}
	if i.hasDefault(track.Language) {
		track.Default = false // the first one stays
	}
	i.Captions = withTrack(i.Captions, track)
	next, payloads := i.changed(now, events.CaptionsReady{
		MediaID:  i.ID,
		Language: track.Language,
		Kind:     string(track.Kind),
	})
	return next, payloads, ""
}

// hasDefault reports whether the track of another language is the default.
func (i Item) hasDefault(language string) bool {
	return slices.ContainsFunc(i.Captions, func(t CaptionTrack) bool { return t.Default && t.Language != language })
}

// withTrack returns tracks with one that is added, or replaces that of its language.
func withTrack(tracks []CaptionTrack, track CaptionTrack) []CaptionTrack {
	tracks = slices.Clone(tracks)
	n := slices.IndexFunc(tracks, func(t CaptionTrack) bool { return t.Language == track.Language })
	if n < 0 {
		return append(tracks, track)
	}
	tracks[n] = track
	return tracks
}

// withExtracted is the item with what else is in its file. Extracted captions of an earlier file
// that this one does not have are removed, and so are its chapters, unless the creator set them.
func (i Item) withExtracted(out Output, chapters []Chapter) Item {
	i.Captions = slices.DeleteFunc(slices.Clone(i.Captions), func(t CaptionTrack) bool {
		return t.Extracted && !slices.ContainsFunc(out.Captions, func(o OutputCaptions) bool {
			return canonicalLanguage(o.Language) == t.Language
		})
	})
	if len(i.Captions) == 0 {
		i.Captions = nil
	}
	if !i.Chapters.Edited {
		i.Chapters.List = sortedChapters(chapters)
	}
	i.Notes = out.Notes
	return i
}

// captionsFailed are the events of captions that were left out.
func (i Item) captionsFailed() (list []events.Payload) {
	for _, n := range i.Notes {
		list = append(list, events.CaptionsFailed{MediaID: i.ID, Stream: n.Stream, Code: n.Code})
	}
	return list
}
