package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// prepareOutputs makes the directories, since ffmpeg only writes files.
func (c *conversion) prepareOutputs() error {
	names := []string{"captions"}
	for _, r := range c.ladder {
		names = append(names, r.name)
	}
	if c.info.Kind == Video {
		names = append(names, previewName, trickName, "thumbnails", storyboardDir, scratch)
	}
	if c.info.cover != nil {
		names = append(names, "thumbnails")
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(c.out, name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

func (c *conversion) lendOutputs() error {
	c.lent = true
	if err := c.confinement.lend(c.out); err != nil {
		return fmt.Errorf("give the output directory to ffmpeg: %w", err)
	}
	return nil
}

func (c *conversion) reclaimOutputs() error {
	if !c.lent {
		return nil
	}
	if err := c.confinement.reclaim(c.out); err != nil {
		return fmt.Errorf("take the output directory back: %w", err)
	}
	c.lent = false
	return nil
}

// makeSideOutputs makes the outputs beside the renditions that need ffmpeg.
func (c *conversion) makeSideOutputs(ctx context.Context) error {
	steps := []func(context.Context) error{c.cover, c.writeAudioFile}
	if c.info.Kind == Video {
		steps = []func(context.Context) error{c.preview, c.pictures, c.storyboard, c.writeAudioFile}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkSideOutputs takes the directory back from the programs, which have finished, before it trusts
// what they have written.
func (c *conversion) checkSideOutputs() error {
	if err := c.reclaimOutputs(); err != nil {
		return err
	}
	if err := errors.Join(c.tidyCaptions(), c.writeChapters(), c.checkStoryboard(), c.checkCover()); err != nil {
		return err
	}
	if c.info.Kind == Audio {
		return c.drawWaveform()
	}
	return nil
}

// playable reports what can be watched before the other pictures are there.
func (c *conversion) playable() error {
	if c.onPlayable == nil {
		return nil
	}
	var there []rendition
	begin := first(c.ladder)
	for i, r := range c.ladder {
		if i == begin || !r.isPicture() {
			there = append(there, r)
		}
	}
	const master = "playable.m3u8"
	if err := c.writeMaster(master, there); err != nil {
		return err
	}
	if err := c.onPlayable(Playable{Info: c.info, Master: master, ReadyVariants: variantsOf(there)}); err != nil {
		return err
	}
	return os.Remove(filepath.Join(c.out, master))
}

// variantsOf returns the names of the pictures in H.264, which stand for their size.
func variantsOf(ladder []rendition) []string {
	var names []string
	for _, r := range ladder {
		if r.isPicture() && r.video.codec == codecH264 {
			names = append(names, r.name)
		}
	}
	return names
}

// finalize checks every playlist against its file and writes the master playlist.
func (c *conversion) finalize() error {
	c.report(Finalizing, 98, 98, 0)
	if c.info.Kind == Audio {
		c.result.ReadyVariants = []string{"audio"}
		if c.hasCover {
			c.namePictures()
		}
	} else {
		c.result.ReadyVariants = variantsOf(c.ladder)
		if err := c.finishVideo(); err != nil {
			return err
		}
	}
	list, err := readRendition(c.out, c.ladder[0])
	if err != nil {
		return err
	}
	c.result.DurationSeconds = list.seconds()
	c.result.Master = "master.m3u8"
	if err := c.writeMaster(c.result.Master, c.ladder); err != nil {
		return err
	}
	if c.result.Files, err = c.list(); err != nil {
		return err
	}
	c.report(Finalizing, 100, 100, 0)
	return nil
}

// finishVideo completes what a video has beside its renditions.
func (c *conversion) finishVideo() error {
	if err := c.finishTrickPlay(); err != nil {
		return err
	}
	preview := c.previewRendition()
	list, err := readRendition(c.out, preview)
	if err != nil {
		return err
	}
	if err := list.write(c.out, preview); err != nil {
		return err
	}
	c.result.Preview = path.Join(preview.name, preview.playlist)
	c.namePictures()
	return os.RemoveAll(filepath.Join(c.out, scratch))
}

// namePictures says where poster and thumbnails are.
func (c *conversion) namePictures() {
	c.result.Poster = posterFile
	c.result.Thumbnails = map[string]string{}
	for _, thumbnail := range thumbnails {
		c.result.Thumbnails[thumbnail.name] = thumbnailFile(thumbnail.name)
	}
}

// list returns the outputs. Everything must be a regular, non-empty file of a known type: a
// subverted ffmpeg could have left a link to another file.
func (c *conversion) list() ([]File, error) {
	var files []File
	var master File
	err := filepath.WalkDir(c.out, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		stat, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(c.out, name)
		if err != nil {
			return err
		}
		file := File{Rel: filepath.ToSlash(rel), ContentType: c.contentType(rel), Size: stat.Size()}
		if !stat.Mode().IsRegular() || file.ContentType == "" || file.Size == 0 {
			return fmt.Errorf("unexpected output %q", rel)
		}
		if file.Rel == c.result.Master {
			master = file
		} else {
			files = append(files, file)
		}
		return nil
	})
	return append(files, master), err
}

func (c *conversion) contentType(name string) string {
	switch filepath.Ext(name) {
	case ".m3u8":
		return "application/vnd.apple.mpegurl"
	case ".mp4":
		return string(c.info.Kind) + "/mp4"
	case ".m4a":
		return audioFileType
	case ".jpg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	case ".png":
		return "image/png"
	case ".json":
		return "application/json"
	case ".vtt":
		return "text/vtt"
	}
	return ""
}
