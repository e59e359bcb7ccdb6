package ffmpeg

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ratePackets is how many timestamps of the picture decide its frame rate.
const ratePackets = 4000

// maxOggPacket is in seconds. ffprobe 5.1 gives 2³² samples to the last packet before a chained stream.
const maxOggPacket = 60

// extent is what the packets of one stream cover, in seconds of the container's clock.
type extent struct {
	packets     int
	first, last float64 // last is the end of the last packet to be shown
	decoded     float64 // the latest time of decoding, which never goes back in a file of one piece
	repeated    float64 // seconds of packets that come more than a second after a later one
	times       []float64
}

// survey reads the output of ffprobe, one packet per line: stream, pts, dts, duration, flags.
type survey struct {
	lines   lineSplitter
	streams map[int]*extent
	report  func(seconds float64)
	origin  float64
	demuxer string
}

// Write implements io.Writer.
func (s *survey) Write(b []byte) (int, error) {
	s.lines.split(b, s.add)
	return len(b), nil
}

func (s *survey) add(line string) {
	fields := strings.Split(line, ",")
	if len(fields) < 5 {
		return
	}
	index, err := strconv.Atoi(fields[0])
	if err != nil || index < 0 || index >= MaxStreams {
		return
	}
	at, err := strconv.ParseFloat(fields[1], 64)
	if err != nil {
		if at, err = strconv.ParseFloat(fields[2], 64); err != nil {
			return // without a time it cannot be shown
		}
	}
	length := positive(fields[3])
	if s.demuxer == "ogg" && length > maxOggPacket {
		length = 0
	}
	e := s.streams[index]
	if e == nil {
		e = &extent{first: math.Inf(1), last: math.Inf(-1), decoded: math.Inf(-1)}
		s.streams[index] = e
	}
	if strings.Contains(fields[4], "D") { // cut away by an edit list
		return
	}
	e.packets++
	decoded, err := strconv.ParseFloat(fields[2], 64)
	if err != nil {
		decoded = at
	}
	if decoded < e.decoded-1 {
		e.repeated += length
	}
	e.decoded = max(e.decoded, decoded)
	e.first = min(e.first, at)
	e.last = max(e.last, at+length)
	if len(e.times) < ratePackets {
		e.times = append(e.times, at)
	}
	if s.report != nil && e.packets%500 == 0 {
		s.report(e.last - s.origin)
	}
}

// survey reads all packets, so that the ends of the streams are known and not only declared. It
// rejects a file that ends before its declared duration.
func (t *Tool) survey(ctx context.Context, input *os.File, info Info, report func(seconds float64)) (Info, error) {
	found := &survey{
		streams: map[int]*extent{},
		report:  report,
		origin:  info.origin,
		demuxer: info.demuxer,
	}
	args := append([]string{
		"-v", "error", "-show_entries", "packet=stream_index,pts_time,dts_time,duration_time,flags", "-of", "csv=p=0",
	}, opened(info.demuxer)...)
	if err := t.run(ctx, invocation{
		program: t.FFprobe,
		args:    args,
		input:   input,
		stdout:  found,
	}); err != nil {
		return Info{}, err
	}
	info, err := found.measure(info)
	if err != nil {
		return Info{}, err
	}
	if info.demuxer == "wav" {
		declared, stored, err := waveBytes(input)
		if err != nil {
			return Info{}, err
		}
		info.header = info.soundEnd * float64(declared) / float64(stored)
	}
	if info.demuxer == "mp3" {
		info.counted = countsFrames(input)
	}
	if err := found.complete(info); err != nil {
		return Info{}, err
	}
	info.DurationSeconds = max(info.pictureEnd, info.soundEnd)
	if info.Kind == Video {
		info.DurationSeconds = max(1, math.Ceil(info.DurationSeconds*info.FrameRate-0.05)) / info.FrameRate
	}
	if info.DurationSeconds > MaxDurationSeconds {
		return Info{}, reject(TooLong, "")
	}
	if info.DurationSeconds <= 0 {
		return Info{}, reject(Undecodable, "no duration")
	}
	return info, nil
}

// measure takes the ends of picture and sound, and the frame rate, from the packets.
func (s *survey) measure(info Info) (Info, error) {
	if info.Kind == Video {
		picture := s.streams[info.picture.Index]
		if picture == nil || picture.packets == 0 {
			return Info{}, reject(Undecodable, "no packets of the picture")
		}
		if err := picture.checkJoined(); err != nil {
			return Info{}, err
		}
		info.FrameRate = info.picture.measuredRate(info.FrameRate, picture.times)
		info.phase = math.Mod(max(picture.first-info.origin, 0), 1/info.FrameRate)
		if info.phase < 0.001 || info.phase > 1/info.FrameRate-0.001 { // rounded times
			info.phase = 0
		}
		info.pictureEnd = max(picture.last-info.origin-info.phase, 0)
	}
	if !info.HasAudio {
		return info, nil
	}
	info = info.withRecordedSound(s)
	sound := s.streams[info.sound.Index]
	switch {
	case sound != nil && sound.packets > 0:
		if err := sound.checkJoined(); err != nil {
			return Info{}, err
		}
		info.soundEnd = max(sound.last-info.origin-info.phase, 0)
	case info.Kind == Audio:
		return Info{}, reject(Undecodable, "no packets of the sound")
	default: // a track that was never recorded
		info.HasAudio, info.AudioCodec = false, ""
	}
	return info, nil
}

// checkJoined rejects a stream whose times begin again, as in files that were joined: what comes after
// would be lost without a word.
func (e *extent) checkJoined() error {
	length := e.last - e.first
	if e.repeated <= max(1, length/100) {
		return nil
	}
	return &RejectError{
		Code: Undecodable,
		Message: fmt.Sprintf("The times in the file begin again after %.1f seconds, as in files that were joined; "+
			"re-export it as one.", length),
	}
}

// withRecordedSound leaves out the sound tracks of a video without packets: they were never recorded.
func (i Info) withRecordedSound(s *survey) Info {
	if i.Kind == Audio {
		return i
	}
	var recorded []stream
	for _, track := range i.tracks() {
		if e := s.streams[track.Index]; e != nil && e.packets > 0 {
			recorded = append(recorded, track)
		}
	}
	i.alternatives = nil
	if len(recorded) > 0 {
		i.sound, i.AudioCodec = recorded[0], recorded[0].Codec
		i.alternatives = recorded[1:]
	}
	return i
}

// estimated are the demuxers whose duration is an estimate or is derived from the packets themselves:
// what is there is played to its end. An MP3 may have a count of its frames.
var estimated = []string{"mp3", "aac", "mpegts", "mpeg", "ogg"}

// complete compares the declared durations with the packets: a difference of up to a second or a
// per cent is usual.
func (s *survey) complete(info Info) error {
	if slices.Contains(estimated, info.demuxer) && !info.counted {
		return nil
	}
	check := func(what string, declared, reached float64) error {
		if declared <= 0 || declared-reached <= max(1, declared/100) {
			return nil
		}
		return &RejectError{
			Code: Incomplete,
			Message: fmt.Sprintf("%s ends after %.1f of %.1f seconds; the file was cut off, please upload it again.",
				what, max(reached, 0), declared),
		}
	}
	reach := func(e *extent) float64 { return max(e.last, e.last-e.first) }
	// In other containers ffprobe gives every stream the duration of the longest.
	each := info.demuxer == "mov" || info.demuxer == "avi"
	if e := s.streams[info.picture.Index]; each && info.Kind == Video && e != nil {
		if err := check("The picture", positive(info.picture.Duration), reach(e)); err != nil {
			return err
		}
	}
	if e := s.streams[info.sound.Index]; each && info.HasAudio && e != nil {
		if err := check("The sound", positive(info.sound.Duration), reach(e)); err != nil {
			return err
		}
	}
	last := 0.0
	for _, e := range s.streams {
		if e.packets > 0 {
			last = max(last, reach(e))
		}
	}
	return check("The file", info.header, last)
}

// waveBytes returns the size that the header of a WAVE file declares, if it is larger than the file,
// and that of the file. ffprobe makes the duration of what is there.
func waveBytes(input *os.File) (declared, stored int64, err error) {
	stat, err := input.Stat()
	if err != nil {
		return 0, 0, err
	}
	head := make([]byte, 28)
	if _, err := input.ReadAt(head, 0); err != nil {
		return 0, 0, reject(Undecodable, "no header")
	}
	const unknown = math.MaxUint32
	size := int64(binary.LittleEndian.Uint32(head[4:]))
	if string(head[12:16]) == "ds64" {
		size = int64(min(binary.LittleEndian.Uint64(head[20:]), math.MaxInt64-8))
	} else if size == unknown { // a stream
		size = 0
	}
	return max(size+8, stat.Size()), stat.Size(), nil
}
