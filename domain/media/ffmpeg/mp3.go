package ffmpeg

import (
	"bytes"
	"encoding/binary"
	"os"
)

// countsFrames reports whether an MP3 says how many frames it has, in the tag named Xing or Info of its
// first frame. Without it ffprobe estimates the duration from the size of the file.
func countsFrames(input *os.File) bool {
	offset := int64(0)
	head := make([]byte, 10)
	for range 8 { // more tags than any program writes
		if _, err := input.ReadAt(head, offset); err != nil || string(head[:3]) != "ID3" {
			break
		}
		size := int64(0)
		for _, b := range head[6:] { // seven bits each
			size = size<<7 | int64(b&0x7F)
		}
		offset += 10 + size
	}
	first := make([]byte, 4<<10)
	n, _ := input.ReadAt(first, offset)
	first = first[:n]
	for _, name := range []string{"Xing", "Info"} {
		at := bytes.Index(first, []byte(name))
		if at < 0 || at+8 > len(first) || binary.BigEndian.Uint32(first[at+4:])&1 == 0 {
			continue
		}
		for _, frame := range []int{at - 13, at - 21, at - 36} { // by version and channels
			if frame >= 0 && first[frame] == 0xFF && first[frame+1]&0xE0 == 0xE0 {
				return true
			}
		}
	}
	return false
}
