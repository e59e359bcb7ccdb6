package transcoder

import (
	"cmp"
	"strconv"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// captionsOf returns the subtitle tracks of a file, which are identified by their languages: of two
// in one language, the second has a private subtag, as en-x-forced or en-x-2.
func captionsOf(keys outputKeys, tracks []ffmpeg.CaptionTrack) (list []media.OutputCaptions) {
	used := map[string]bool{}
	for _, track := range tracks {
		tag, err := language.Parse(track.Language)
		if err != nil {
			tag = language.Und
		}
		name, private := tag.String(), ""
		switch {
		case track.Forced:
			private = "-x-forced"
		case track.Sounds && used[name]:
			private = "-x-sdh"
		}
		code := name + private
		for n := 2; used[code]; n++ {
			code = name + "-x-" + strconv.Itoa(n)
		}
		used[code] = true

		o := media.OutputCaptions{
			Key:      keys.of(track.Rel),
			Language: code,
			Label:    labelOf(track, tag),
			Kind:     media.Subtitles,
			Default:  track.Default,
			Forced:   track.Forced,
		}
		if track.Sounds {
			o.Kind = media.Captions
		}
		list = append(list, o)
	}
	return list
}

// labelOf returns the title of a track, or the name of its language in that language.
func labelOf(track ffmpeg.CaptionTrack, tag language.Tag) string {
	title := domain.Name(track.Title)
	var v domain.Validation
	if v.Name("title", title); title != "" && len(v.Fields) == 0 {
		return title
	}
	label := cmp.Or(display.Self.Name(tag), "Subtitles")
	switch {
	case track.Forced:
		label += " (forced)"
	case track.Sounds:
		label += " (SDH)"
	}
	return label
}
