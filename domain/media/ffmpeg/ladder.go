package ffmpeg

import (
	"math"
)

const (
	segmentSeconds  = 6
	keyFrameSeconds = 2 // divides segmentSeconds, so that every segment starts on a key frame
)

// rendition is one rendition of a source: a picture without sound, or sound. Rates are in kbit/s.
type rendition struct {
	name     string // its directory
	playlist string // file name of its playlist

	width, height int      // 0 for sound
	videoRate     int      // the most of a picture; 0 for sound
	video         *encoder // of a picture

	audioRate int // of sound; 0 for a picture
	track     int // index of the sound track
}

func (r rendition) isPicture() bool { return r.videoRate > 0 }

// rung is a standard size: a box that a landscape picture must fit; a portrait one fits the box turned.
type rung struct {
	name        string
	long, short int
	rate        int // the most of H.264, in kbit/s
}

var rungs = []rung{
	{"2160p", 3840, 2160, 16_000},
	{"1440p", 2560, 1440, 9000},
	{"1080p", 1920, 1080, 5000},
	{"720p", 1280, 720, 3000},
	{"480p", 854, 480, 1500},
	{"360p", 640, 360, 800},
	{"240p", 426, 240, 400},
}

const (
	// ownName names the best rendition of a source below 480p.
	ownName     = "source"
	ownShort    = 480
	soundRate   = 128
	speechRate  = 64
	indexFile   = "index.m3u8"
	soundName   = "128k"
	speechName  = "64k"
	extraShort  = 720  // further codecs are made from this size on
	clearlyLess = 0.85 // of a side: a rung that is closer to the source is left out
)

// planLadder returns the renditions of a source: pictures, the best first, then sound. A picture has
// one in its own size, up to [Config.MaxHeight], and the standard sizes that are clearly smaller. A
// source is never enlarged, and its aspect is kept.
func (t *Tool) planLadder(info Info) []rendition {
	sounds := planSounds(info)
	if info.Kind == Audio {
		return sounds
	}
	var ladder []rendition
	for _, r := range planSizes(info, t.MaxHeight) {
		for _, video := range t.encoders {
			if video.codec != codecH264 && min(r.width, r.height) < extraShort && len(ladder) >= len(t.encoders) {
				continue
			}
			made := r
			made.video = video
			made.videoRate = int(float64(r.videoRate) * video.share)
			if video.codec != codecH264 {
				made.name += "-" + video.codec
			}
			ladder = append(ladder, made)
		}
	}
	return append(ladder, sounds...)
}

// planSizes returns the pictures without their encoders.
func planSizes(info Info, maxHeight int) []rendition {
	var sizes []rendition
	for i, rung := range rungs {
		if rung.short > maxHeight {
			continue
		}
		scale := scaleInto(info.Width, info.Height, rung.long, rung.short)
		last := i+1 == len(rungs)
		isOwn := len(sizes) == 0 &&
			(scale < 1 || last || scaleInto(info.Width, info.Height, rungs[i+1].long, rungs[i+1].short) < 0.99)
		if !isOwn && (len(sizes) == 0 || scale > clearlyLess) {
			continue
		}
		r := rendition{name: rung.name, playlist: indexFile, videoRate: rung.rate}
		if isOwn && rung.short < ownShort {
			r.name = ownName
		}
		r.width, r.height = evenSize(info.Width, info.Height, scale)
		sizes = append(sizes, r)
	}
	return sizes
}

// planSounds returns the renditions of sound: of the main track two rates, of the others one.
func planSounds(info Info) []rendition {
	if !info.HasAudio {
		return nil
	}
	list := []rendition{
		{name: soundName, playlist: indexFile, audioRate: soundRate},
		{name: speechName, playlist: indexFile, audioRate: speechRate},
	}
	if info.Kind == Audio {
		return list
	}
	for i := range info.alternatives {
		list = append(list, rendition{
			name:      alternativeName(i + 1),
			playlist:  indexFile,
			audioRate: soundRate,
			track:     i + 1,
		})
	}
	return list
}

// firstShare is the share of all pixels that the rendition that is made first may have: with its own
// decode of the source it is there in less than a third of the whole time.
const firstShare = 0.15

// first returns the index of the picture that is made first: the best of those with few pixels.
func first(ladder []rendition) int {
	total := 0
	for _, r := range ladder {
		total += r.width * r.height
	}
	smallest := -1
	for i, r := range ladder {
		if !r.isPicture() || r.video.codec != codecH264 {
			continue
		}
		if smallest = i; float64(r.width*r.height) <= firstShare*float64(total) {
			return i
		}
	}
	return smallest
}

// previewOf returns the picture that the preview shows: the best of 720p at most, in H.264.
func previewOf(ladder []rendition) rendition {
	var best rendition
	for _, r := range ladder {
		if !r.isPicture() || r.video.codec != codecH264 {
			continue
		}
		if best = r; min(r.width, r.height) <= previewShort {
			break
		}
	}
	return best
}

// scaleInto returns the factor, at most 1, by which a picture fits a box.
func scaleInto(width, height, long, short int) float64 {
	return min(1, float64(long)/float64(max(width, height)), float64(short)/float64(min(width, height)))
}

// evenSize scales a picture. Sides are even, as 4:2:0 requires.
func evenSize(width, height int, scale float64) (int, int) {
	even := func(v int) int { return max(2, int(math.Round(float64(v)*scale/2))*2) }
	return even(width), even(height)
}

// leastSide is the macroblock of H.264: a narrower picture gets black borders.
const leastSide = 16

// codedSize is the size of the picture with its borders.
func (r rendition) codedSize() (int, int) { return max(r.width, leastSide), max(r.height, leastSide) }

// largestOutput is the limit of a rendition's file in bytes: twice its nominal size plus 64 MiB.
func largestOutput(ladder []rendition, seconds float64) int64 {
	kilobits := 0
	for _, r := range ladder {
		kilobits = max(kilobits, r.videoRate+r.audioRate)
	}
	return int64(2*float64(kilobits)*125*seconds) + 64<<20
}
