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
		// The preview, what it is put together from, and the candidates of the poster.
		total += 3 * largestOutput([]rendition{c.previewRendition()}, previewSeconds)
	}
	return Plan{c.info, total}
}

// recipe identifies how a rendition is encoded. It does not depend on the machine. The gain follows
// from the source and the target.
func (c *conversion) recipe(r rendition) string {
	t := *c.Tool
	t.Threads = 1
	var args []string
	if r.isPicture() {
		args = t.passOverPicture(c.info, []rendition{r}, nil)
	} else {
		args = t.passOverSound(c.info, []rendition{r}, make([]float64, 1+len(c.info.alternatives)), interval{})
		args = append(args, fmt.Sprint(targetLUFS, ceilingDBTP, maxGainDB))
	}
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

// stages are the renditions that are still to be encoded, in the groups of one pass each: one
// picture with all the sound, which can be watched while the rest follows, and then the others. When
// the source is long, each of these is by itself, so that a crash costs one rendition at most. Each
// further pass decodes the source again.
func (c *conversion) stages() [][]rendition {
	var start, rest []rendition
	begin := first(c.ladder)
	for i, r := range c.ladder {
		switch {
		case slices.Contains(c.kept, r.name):
		case i == begin || !r.isPicture():
			start = append(start, r)
		default:
			rest = append(rest, r)
		}
	}
	var stages [][]rendition
	if len(start) > 0 {
		stages = append(stages, start)
	}
	switch {
	case len(rest) == 0:
		return stages
	case c.info.DurationSeconds < c.LongSource.Seconds():
		return append(stages, rest)
	default:
		return slices.AppendSeq(stages, slices.Chunk(rest, 1))
	}
}

// finished completes the playlists of renditions that a stage has written, and reports them.
func (c *conversion) finished(stage []rendition) error {
	if err := c.reclaimOutputs(); err != nil { // before their content is trusted
		return err
	}
	for _, r := range stage {
		list, err := readRendition(c.out, r)
		if err != nil {
			return err
		}
		if err := list.write(c.out, r); err != nil {
			return err
		}
		if c.onFinished == nil {
			continue
		}
		files, err := c.filesOf(r)
		if err != nil {
			return err
		}
		if err := c.onFinished(Rendition{Name: r.name, Recipe: c.recipe(r), Files: files}); err != nil {
			return err
		}
	}
	return nil
}

// filesOf returns the files of a rendition, the playlist last.
func (c *conversion) filesOf(r rendition) ([]File, error) {
	var files []File
	for _, name := range []string{streamFile, r.playlist} {
		stat, err := os.Lstat(filepath.Join(c.out, r.name, name))
		if err != nil {
			return nil, err
		}
		if !stat.Mode().IsRegular() {
			return nil, fmt.Errorf("unexpected output %q", name)
		}
		files = append(files, File{
			Rel:         path.Join(r.name, name),
			ContentType: c.contentType(name),
			Size:        stat.Size(),
		})
	}
	return files, nil
}

// work is the relative cost of a rendition: the size of its picture. Sound is made meanwhile.
func (r rendition) work() float64 { return float64(max(r.width*r.height, 1)) }

func workOf(list []rendition) (total float64) {
	for _, r := range list {
		total += r.work()
	}
	return total
}
