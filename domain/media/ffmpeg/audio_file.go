package ffmpeg

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

const (
	// audioFile is the sound in one file, for podcast apps and other programs that play no HLS.
	audioFile = "audio.m4a"
	// audioFileType is what Apple's list of podcast formats calls it.
	audioFileType = "audio/x-m4a"
)

// writeAudioFile copies the best sound into one file with its index in front, without encoding it again.
func (c *conversion) writeAudioFile(ctx context.Context) error {
	if !c.info.HasAudio {
		return nil
	}
	if err := c.lendOutputs(); err != nil {
		return err
	}
	sound, err := os.Open(filepath.Join(c.out, soundName, streamFile))
	if err != nil {
		return fmt.Errorf("write the audio file: %w", err)
	}
	defer sound.Close()
	args := append([]string{"-v", "error", "-nostdin", "-nostats", "-y"}, source(demuxers[MP4])...)
	c.result.Audio = audioFile
	return c.run(ctx, invocation{
		program: c.FFmpeg,
		input:   sound,
		dir:     c.out,
		args: append(args, "-map", "0:a:0", "-c", "copy", "-map_metadata", "-1",
			"-movflags", "+faststart", "-f", "ipod", audioFile),
		fileBytes: largestOutput([]rendition{{audioRate: soundRate}}, c.info.DurationSeconds),
		seconds:   c.info.DurationSeconds,
	})
}
