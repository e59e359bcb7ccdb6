package s3_test

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
)

func TestPartsArriveInAnyOrder(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	const key = "a/film.mp4"
	id, err := b.StartParts(t.Context(), key, "video/mp4")
	if err != nil {
		t.Fatal(err)
	}
	first, last := bytes.Repeat([]byte("a"), media.MinPartBytes), []byte("the end")
	send := func(number int, content []byte) {
		t.Helper()
		address, err := b.PresignPart(t.Context(), key, id, number, int64(len(content)), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, address, bytes.NewReader(content))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("part %d: %s", number, resp.Status)
		}
	}
	send(2, last)
	send(1, bytes.Repeat([]byte("b"), media.MinPartBytes))
	send(1, first) // sent again, the later one counts
	parts, err := b.ListParts(t.Context(), key, id)
	if err != nil || len(parts) != 2 || parts[0].Number != 1 || parts[1].Size != int64(len(last)) {
		t.Fatalf("parts %+v, %v", parts, err)
	}
	if err := b.CompleteParts(t.Context(), key, id, parts); err != nil {
		t.Fatal(err)
	}
	info, err := b.Head(t.Context(), key)
	if err != nil || info.Size != int64(len(first)+len(last)) || info.ContentType != "video/mp4" {
		t.Fatalf("%+v, %v", info, err)
	}
	tail, err := b.Read(t.Context(), key, s3.Range{Offset: media.MinPartBytes - 2}, info.ETag, 100)
	if err != nil || string(tail) != "aathe end" {
		t.Errorf("the object ends in %q, %v", tail, err)
	}
	if _, err := b.ListParts(t.Context(), key, id); !errors.Is(err, s3.ErrNotFound) {
		t.Errorf("parts of an upload that is over: %v", err)
	}
	if err := b.AbortParts(t.Context(), key, id); err != nil {
		t.Errorf("aborted when it was over: %v", err)
	}
}

func TestUploadsAreAbortedByPrefixAndAge(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	for _, key := range []string{"a/1", "a/2", "a/2", "ab/3"} {
		if _, err := b.StartParts(t.Context(), key, "video/mp4"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		prefix string
		before time.Time
		want   int
	}{
		{"a/", time.Now().Add(-time.Hour), 0},
		{"a/", time.Time{}, 3},
		{"a/", time.Time{}, 0},
		{"", time.Now().Add(time.Hour), 1},
	} {
		if n, err := b.AbortUploads(t.Context(), c.prefix, c.before); n != c.want || err != nil {
			t.Errorf("%d uploads aborted below %q before %v, %v; want %d", n, c.prefix, c.before, err, c.want)
		}
	}
}

func TestAListContinuesAfterAKey(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	for _, key := range []string{"a/1", "a/2", "b/1"} {
		put(t, b, key, "x")
	}
	var got []string
	err := b.ListAfter(t.Context(), "", "a/1", func(i s3.Info) error {
		got = append(got, i.Key)
		return nil
	})
	if err != nil || len(got) != 2 || got[0] != "a/2" {
		t.Errorf("after a/1 come %v, %v", got, err)
	}
}
