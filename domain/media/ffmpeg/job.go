package ffmpeg

// Step is a part of a job, in the spelling of the platform's progress callback.
type Step string

// The steps in their order; a job has only those that its type of media needs.
const (
	Probing    Step = "probing"
	Measuring  Step = "loudness"
	Encoding   Step = "encoding_variants"
	Previewing Step = "preview"
	Thumbnails Step = "thumbnails"
	Waveform   Step = "waveform"
	Finalizing Step = "finalizing"
)

// Job is one file to convert.
type Job struct {
	Input  string // path of the original, a regular file; as root its group and mode may be changed
	MIME   string // declared type, one of the allowed ones
	OutDir string // created when missing; must be empty but for Kept; belongs to the job

	// Kept are renditions of an earlier call for the same source whose files are in OutDir. Those that
	// this call would make alike are not encoded again, and the others are removed. Optional.
	Kept []Rendition
	// Planned is called before anything is encoded; its error ends the call. Optional.
	Planned func(Plan) error
	// Finished is called with each rendition that is complete; its error ends the call. The last
	// ones are reported before the call returns. Optional.
	Finished func(Rendition) error
	// Playable is called when a video can be watched: one picture and all sound have been reported by
	// Finished, and more pictures are still to be encoded. Its error ends the call. Optional.
	Playable func(Playable) error
	// Progress is called for every step and every per cent of the whole job, never concurrently.
	// It must not block. Optional.
	Progress func(step Step, percent int)
}

// Playable is the part of the outputs that is there before the others.
type Playable struct {
	Info // of the source
	// Master is a master playlist of the renditions that are there, relative to OutDir. The final one has
	// another name.
	Master string
	// ReadyVariants are as in [Result].
	ReadyVariants []string
}

// File is one output.
type File struct {
	Rel         string // slash-separated path below OutDir
	ContentType string
	Size        int64 // bytes
}

// Result describes the outputs. Paths are relative to OutDir, with slashes; those that the kind of
// media does not have are empty.
type Result struct {
	Info // of the source, with DurationSeconds as converted

	Master        string            // master playlist
	Preview       string            // video: playlist of the free preview
	Poster        string            // video, and audio that carries a picture
	Thumbnails    map[string]string // with a poster: sm, md, lg → path
	Storyboard    *Storyboard       // video
	Waveform      string            // audio: JSON, ten points a second
	WaveformShort string            // audio: JSON, at most 1800 points
	WaveformImage string            // audio: PNG 1800×140
	Audio         string            // the sound in one M4A file; empty without sound

	// ReadyVariants are the sizes of the picture, the best first: "2160p" … "240p" or "source"; "audio"
	// for audio, whose renditions 128k and 64k are in the master playlist.
	ReadyVariants []string

	Loudness *Loudness // of the source; nil without sound or for silence

	Captions []CaptionTrack // subtitles of the source that are text
	Chapters string         // of the source: JSON as in Podcasting 2.0
	Notes    []Note         // what of the source was left out

	// Files are all outputs in the order of their upload: the master playlist last.
	Files []File
}
