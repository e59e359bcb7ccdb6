package ffmpeg

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// maxTracks is how many sound tracks of a video become renditions.
const maxTracks = 8

// alternativeName names the rendition of a sound track beside the main one.
func alternativeName(track int) string { return "sound-" + strconv.Itoa(track) }

// tracks are the sound tracks that become renditions, the main one first.
func (i Info) tracks() []stream {
	if !i.HasAudio {
		return nil
	}
	return append([]stream{i.sound}, i.alternatives...)
}

// alternatives returns the sound tracks that can be decoded beside the chosen one.
func (d description) alternatives(chosen stream) []stream {
	var found []stream
	for _, s := range d.Streams {
		if s.Type == "audio" && s.Index != chosen.Index && s.isDecodable() && len(found) < maxTracks-1 {
			found = append(found, s)
		}
	}
	return found
}

// languageTag returns the BCP 47 tag of a stream, "" when it has no known language. Containers have
// the three letters of ISO 639-2.
func (s stream) languageTag() string {
	tag, err := language.Parse(s.Tags.Language)
	if err != nil || tag.IsRoot() {
		return ""
	}
	return tag.String()
}

// trackName is what a player shows: the title in the file, the name of the language, or a number.
func (s stream) trackName(number int) string {
	title := strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune(`"=`, r) { // attributes of playlists have none
			return -1
		}
		return r
	}, strings.ToValidUTF8(s.Tags.Title, "")))
	if runes := []rune(title); len(runes) > 60 {
		title = string(runes[:60])
	}
	spoken := ""
	if tag := s.languageTag(); tag != "" {
		spoken = display.English.Tags().Name(language.Make(tag))
	}
	return cmp.Or(title, spoken, "Track "+strconv.Itoa(number))
}

// aacPriming is how many samples ffmpeg's AAC encoder puts in front of the sound. Players ignore the
// edit list that would hide them, so as many samples of the sound are cut: then every sample plays at
// its own time.
const aacPriming = 1024

// soundChain returns the filters that prepare a track: with a video it begins at 0 and lasts as long,
// with silence added.
func (i Info) soundChain(track stream, gain float64) string {
	// async fills gaps in recordings, and the silence before a track that starts late.
	chain := "[" + track.specifier() + "]" + i.shift("asetpts") +
		"aresample=48000:async=1:first_pts=0,aformat=channel_layouts=stereo"
	if math.Abs(gain) >= 0.1 {
		chain += fmt.Sprintf(",volume=%.2fdB", gain)
	}
	if i.Kind == Video {
		length := seconds(i.DurationSeconds)
		chain += fmt.Sprintf(",apad=whole_dur=%s,atrim=end=%s", length, length)
	}
	return chain
}

// passOverSound returns the arguments that write renditions of sound, with the gain of each track in
// dB, and the sound of the preview unless that is empty.
func (t *Tool) passOverSound(info Info, sounds []rendition, gains []float64, preview interval) []string {
	var chains []string
	for n, track := range info.tracks() {
		labels := ""
		outputs := 0
		for i, r := range sounds {
			if r.track == n {
				labels += fmt.Sprintf("[s%d]", i)
				outputs++
			}
		}
		if n == 0 && preview.length > 0 {
			labels += "[p]"
			outputs++
		}
		if outputs > 0 {
			chains = append(chains, info.soundChain(track, gains[n])+fmt.Sprintf(",asplit=%d", outputs)+labels)
		}
	}
	priming := ""
	if info.Kind == Video {
		priming = fmt.Sprintf("atrim=start_sample=%d", aacPriming)
	}
	for i := range sounds {
		chains = append(chains, fmt.Sprintf("[s%d]%s[a%d]", i, cmp.Or(priming, "anull"), i))
	}
	if preview.length > 0 {
		chains = append(chains, fmt.Sprintf("[p]atrim=start=%s:end=%s,asetpts=PTS-STARTPTS,%s[preview]",
			seconds(preview.start), seconds(preview.end()), priming))
	}

	args := t.passArgs(info, strings.Join(chains, ";"))
	for i, r := range sounds {
		args = append(args, "-map", fmt.Sprintf("[a%d]", i), "-c:a", "aac", "-b:a", fmt.Sprintf("%dk", r.audioRate))
		args = append(args, r.muxer()...)
	}
	if preview.length > 0 {
		args = append(args, "-map", "[preview]", "-c:a", "aac", "-b:a", fmt.Sprintf("%dk", soundRate),
			"-f", "nut", previewSound)
	}
	return args
}

// measureTracks measures the loudness of the tracks of a video in one pass. Silence has none: nil.
func (t *Tool) measureTracks(ctx context.Context, c *conversion) ([]*Loudness, error) {
	var chains, outputs []string
	tracks := c.info.tracks()
	for i, track := range tracks {
		chains = append(chains, fmt.Sprintf("[%s]ebur128@%d=%s[m%d]", track.specifier(), i, loudnessMeter, i))
		outputs = append(outputs, "-map", fmt.Sprintf("[m%d]", i), "-f", "null", "-")
	}
	args := append([]string{"-hide_banner", "-v", "info", "-nostdin", "-nostats"},
		source(c.info.demuxer, "-threads", strconv.Itoa(t.Threads))...)
	args = append(args, "-filter_complex", strings.Join(chains, ";"))
	messages := &tail{}
	if err := t.run(ctx, invocation{
		program: t.FFmpeg,
		args:    append(args, outputs...),
		input:   c.input,
		stderr:  messages,
		seconds: c.info.DurationSeconds,
	}); err != nil {
		return nil, err
	}
	found := make([]*Loudness, len(tracks))
	for i := range tracks {
		// The summaries come last. Earlier messages may quote the file.
		summary, _, _ := strings.Cut(afterLast(messages.String(), fmt.Sprintf("[ebur128@%d @ ", i)), "\n[")
		found[i] = parseLoudness(summary)
	}
	return found, nil
}
