package stripe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// How long Stripe, and the journal, keep rows.
const (
	eventRetention  = 30 * 24 * 60 * 60 // seconds
	answerRetention = 24 * 60 * 60      // seconds an idempotency key lives
)

// entry is one row as the journal holds it: the last one written for an id wins.
type entry struct {
	Kind string          `json:"k"`
	ID   string          `json:"i"`
	Row  json.RawMessage `json:"v"`
}

// journal is an append-only file: one line per transaction, a JSON array of entries. A
// line without its newline is a transaction without a response, and is dropped at start.
type journal struct {
	file   *os.File
	size   int64
	broken error // after a failed write that could not be undone
}

// openJournal replays path into st, rewrites it without the rows that Stripe would not keep,
// and opens it for appending.
func openJournal(path string, st *store) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := replay(path, st); err != nil {
		return nil, fmt.Errorf("sandbox: replay %s: %w", path, err)
	}
	if err := compact(path, st); err != nil {
		return nil, fmt.Errorf("sandbox: compact %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &journal{file: file, size: info.Size()}, nil
}

func replay(path string, st *store) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReader(file)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // an incomplete last line has no response
		}
		if err != nil {
			return err
		}
		var entries []entry
		if err := json.Unmarshal(line, &entries); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		for _, e := range entries {
			table, known := st.tables[e.Kind]
			if !known {
				return fmt.Errorf("line %d: unknown kind %q", number, e.Kind)
			}
			if err := table.load(e.ID, e.Row); err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
		}
	}
}

// compact writes the state to a new file and replaces path with it atomically.
func compact(path string, st *store) error {
	next := path + ".next"
	file, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	add := func(e entry) error {
		line, err := json.Marshal([]entry{e})
		if err != nil {
			return err
		}
		_, err = out.Write(append(line, '\n'))
		return err
	}
	for _, table := range st.tables {
		if err := table.dump(st.remembered, add); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// remembered reports whether a row is young enough to be kept.
func (st *store) remembered(kind, id string) bool {
	now := st.now().Unix()
	switch kind {
	case st.events.kind:
		return st.events.rows[id].Created > now-eventRetention
	case st.deliveries.kind:
		return st.events.rows[st.deliveries.rows[id].Event].Created > now-eventRetention
	case st.answers.kind:
		return st.answers.rows[id].Created > now-answerRetention
	default:
		return true
	}
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// append writes one transaction. After a failure the file is truncated to its old size.
func (j *journal) append(entries []entry, sync bool) error {
	if j.broken != nil {
		return j.broken
	}
	line, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	line = append(bytes.ReplaceAll(line, []byte{'\n'}, nil), '\n')
	_, err = j.file.Write(line)
	if err == nil && sync {
		err = j.file.Sync()
	}
	if err != nil {
		if cut := j.file.Truncate(j.size); cut != nil {
			j.broken = fmt.Errorf("sandbox: the journal is broken: %w", errors.Join(err, cut))
		}
		return fmt.Errorf("sandbox: write the journal: %w", err)
	}
	j.size += int64(len(line))
	return nil
}

func (j *journal) close() error { return errors.Join(j.file.Sync(), j.file.Close()) }
