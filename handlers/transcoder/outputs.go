package transcoder

import (
	"math"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

// outputKeys are the object keys of a job's output files, by their names. Files without an
// entry go below the HLS prefix.
type outputKeys struct {
	hls    string
	media  map[string]string
	assets map[string]string
}

func keysOf(job *job, r ffmpeg.Result) outputKeys {
	p := media.PrefixesOf(job.CreatorID, job.MediaID)
	keys := outputKeys{
		hls: p.HLS,
		media: map[string]string{
			r.Poster:        p.Thumbnails + "auto-generated.jpg",
			r.Waveform:      p.Waveforms + "waveform.json",
			r.WaveformShort: p.Waveforms + "overview.json",
			r.WaveformImage: p.Waveforms + "waveform.png",
		},
		assets: map[string]string{},
	}
	delete(keys.media, "") // outputs that this type of media does not have
	for size, rel := range r.Thumbnails {
		keys.assets[rel] = p.MediaThumbnails + size + ".webp"
	}
	return keys
}

// isAsset reports whether a file belongs to the bucket of assets.
func (k outputKeys) isAsset(rel string) bool { return k.assets[rel] != "" }

// of returns the key of a file.
func (k outputKeys) of(rel string) string {
	switch {
	case k.assets[rel] != "":
		return k.assets[rel]
	case k.media[rel] != "":
		return k.media[rel]
	default:
		return k.hls + rel
	}
}

// optional returns the key of a file, nil for no file.
func (k outputKeys) optional(rel string) *string {
	if rel == "" {
		return nil
	}
	key := k.of(rel)
	return &key
}

// reportKey is where the report of a job is stored until it is delivered.
func reportKey(job *job) string {
	return media.PrefixesOf(job.CreatorID, job.MediaID).HLS + "reports/" + job.JobID + ".json"
}

// outputOf returns the result of a job for its report.
func outputOf(job *job, r ffmpeg.Result) media.Output {
	keys := keysOf(job, r)
	out := media.Output{
		MediaID:             job.MediaID,
		Type:                media.Type(r.Kind),
		HLSMasterKey:        keys.optional(r.Master),
		HLSPreviewKey:       keys.optional(r.Preview),
		ThumbnailKey:        keys.optional(r.Poster),
		WaveformKey:         keys.optional(r.Waveform),
		WaveformImageKey:    keys.optional(r.WaveformImage),
		AudioKey:            keys.optional(r.Audio),
		WaveformOverviewKey: keys.optional(r.WaveformShort),
		DurationSeconds:     max(1, math.Round(r.DurationSeconds)),
		ReadyVariants:       r.ReadyVariants,
		Captions:            captionsOf(keys, r.Captions),
		ChaptersKey:         keys.optional(r.Chapters),
	}
	for _, n := range r.Notes {
		out.Notes = append(out.Notes, media.Note{Code: string(n.Code), Stream: n.Stream, Message: n.Message})
	}
	for _, file := range r.Files {
		if r.Audio != "" && file.Rel == r.Audio {
			out.AudioBytes = &file.Size
		}
	}
	if r.Kind == ffmpeg.Video {
		out.Width, out.Height = &r.Width, &r.Height
	}
	if b := r.Storyboard; b != nil {
		out.Storyboard = &media.Storyboard{
			Key:        keys.of(b.Dir),
			Interval:   b.Interval,
			TileWidth:  b.TileWidth,
			TileHeight: b.TileHeight,
			Columns:    b.Columns,
			Rows:       b.Rows,
			Tiles:      b.Tiles,
		}
	}
	if len(r.Thumbnails) > 0 {
		out.ThumbnailVariants = &media.ThumbnailVariants{
			SM: keys.of(r.Thumbnails["sm"]),
			MD: keys.of(r.Thumbnails["md"]),
			LG: keys.of(r.Thumbnails["lg"]),
		}
	}
	if l := r.Loudness; l != nil {
		out.LoudnessIntegrated = &l.Integrated
		out.LoudnessPeak = &l.Peak
		out.LoudnessRange = &l.Range
	}
	return out
}
