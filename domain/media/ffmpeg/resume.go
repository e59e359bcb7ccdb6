package ffmpeg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Rendition is a finished rendition, which a later call can keep instead of encoding it again.
type Rendition struct {
	// Name is that of its directory below OutDir.
	Name string
	// Recipe changes with the source's properties, the settings and the version of the encoder arguments.
	Recipe string
	// Files are all its files.
	Files []File
}

// Plan is what a job will take.
type Plan struct {
	// Info is the source as surveyed.
	Info Info
	// OutputBytes is the most that the outputs take together.
	OutputBytes int64
}

// plan returns the plan of the conversion.
func (c *conversion) plan() Plan {
	total := int64(0)
	for _, r := range c.ladder {
		total += largestOutput([]rendition{r}, c.info.DurationSeconds)
	}
	if c.info.Kind == Video {
		total += largestOutput([]rendition{planPreview(c.info)}, previewSeconds)
	}
	return Plan{c.info, total}
}

// recipe identifies how a rendition is encoded. It does not depend on the machine.
func (c *conversion) recipe(r rendition) string {
	t := *c.Tool
	t.Threads = 1
	args := t.encodeArgs(c.info, []rendition{r}, c.result.Loudness.gain(), c.info.DurationSeconds)
	sum := sha256.Sum256([]byte(strings.Join(args, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// keep removes from the output directory everything but the renditions of an earlier call that
// this one would make alike, and notes these.
func (c *conversion) keep(earlier []Rendition) error {
	entries, err := os.ReadDir(c.out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		known := slices.IndexFunc(earlier, func(e Rendition) bool { return e.Name == entry.Name() })
		if known < 0 {
			return errors.New("the output directory is not empty")
		}
		planned := slices.IndexFunc(c.ladder, func(r rendition) bool { return r.name == entry.Name() })
		if planned >= 0 && c.recipe(c.ladder[planned]) == earlier[known].Recipe {
			if _, err := readRendition(c.out, c.ladder[planned]); err == nil {
				c.kept = append(c.kept, entry.Name())
				continue
			}
		}
		if err := os.RemoveAll(filepath.Join(c.out, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// stages are the renditions that are still to be encoded, in the groups that one process each
// encodes: all from one decoded source, or, when the source is long, each by itself, so that a
// crash costs one rendition at most. Each further process decodes the source again.
func (c *conversion) stages() [][]rendition {
	var missing []rendition
	for _, r := range c.ladder {
		if !slices.Contains(c.kept, r.name) {
			missing = append(missing, r)
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case c.info.Kind == Audio, c.info.DurationSeconds < c.LongSource.Seconds():
		return [][]rendition{missing}
	default:
		return slices.Collect(slices.Chunk(missing, 1))
	}
}

// finished reports renditions that a process has written completely.
func (c *conversion) finished(stage []rendition) error {
	if c.onFinished == nil {
		return nil
	}
	if err := c.reclaimOutputs(); err != nil { // before their content is trusted
		return err
	}
	for _, r := range stage {
		if _, err := readRendition(c.out, r); err != nil {
			return err
		}
		done := Rendition{Name: r.name, Recipe: c.recipe(r)}
		for _, name := range []string{streamFile, r.playlist} {
			stat, err := os.Lstat(filepath.Join(c.out, r.name, name))
			if err != nil {
				return err
			}
			if !stat.Mode().IsRegular() {
				return fmt.Errorf("unexpected output %q", name)
			}
			file := File{Rel: path.Join(r.name, name), ContentType: c.contentType(name), Size: stat.Size()}
			done.Files = append(done.Files, file)
		}
		if err := c.onFinished(done); err != nil {
			return err
		}
	}
	return c.lendOutputs()
}

// work is the relative cost of a rendition: the size of its picture.
func (r rendition) work() float64 { return float64(max(r.width*r.height, 1)) }

func workOf(list []rendition) (total float64) {
	for _, r := range list {
		total += r.work()
	}
	return total
}
