package captions

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxCueText is the longest text of a cue in bytes that [Tidy] keeps: a screen full has 500.
const maxCueText = 4 << 10

// Tidy reads a text that a program made of an unchecked file. It leaves out the cues
// that are at fault, or too long, or begin after the end of the film, and ends the others there.
func Tidy(text string, end time.Duration) (Track, error) {
	track, err := (&parser{lenient: true}).parse(text)
	if err != nil {
		return Track{}, err
	}
	track.Blocks = nil
	track.Cues = slices.DeleteFunc(track.Cues, func(c Cue) bool { return c.Start >= end || len(c.Text) > maxCueText })
	for i := range track.Cues {
		track.Cues[i].End = min(track.Cues[i].End, end)
	}
	if len(track.Cues) == 0 {
		return Track{}, &Error{1, "there are no captions in it"}
	}
	return track, nil
}

var (
	angle = regexp.MustCompile(`<[^<>]*>?`)
	// knownTag are the tags of WebVTT, and times inside a cue.
	knownTag = regexp.MustCompile(`^<(/?(b|i|u|c|v|lang|ruby|rt)([. \t][^<>]*)?|(\d+:)?\d\d:\d\d\.\d\d\d)>$`)
)

// knownTags escapes what looks like a tag and is none of WebVTT: browsers leave it out, other
// readers may not.
func knownTags(text string) string {
	return angle.ReplaceAllStringFunc(text, func(tag string) string {
		if knownTag.MatchString(tag) {
			return tag
		}
		return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(tag)
	})
}
