package main

import (
	"bytes"
	"encoding/binary"
	"math"
)

// tone is a WAV file: a second of 440 Hz, mono, 16 bits.
func tone() []byte {
	const rate, pitch = 8000, 440
	samples := make([]int16, rate)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*pitch*float64(i)/rate))
	}
	size := uint32(2 * len(samples))
	var file bytes.Buffer
	for _, part := range []any{
		[]byte("RIFF"), 36 + size, []byte("WAVEfmt "),
		uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16),
		[]byte("data"), size, samples,
	} {
		_ = binary.Write(&file, binary.LittleEndian, part) // a buffer and fixed sizes: cannot fail
	}
	return file.Bytes()
}
