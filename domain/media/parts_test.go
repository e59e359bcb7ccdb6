package media_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
)

func TestAFileHasAtMost256PartsOfTheLeastSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{
		1,
		media.MinPartBytes,
		media.MinPartBytes + 1,
		256 * media.MinPartBytes,
		256*media.MinPartBytes + 1,
		media.MaxUploadBytes,
	} {
		item := registered(t)
		item.SizeBytes = size
		u, err := item.OpenParts("u", owner, 0, now)
		if err != nil {
			t.Fatal(err)
		}
		if u.PartSize < media.MinPartBytes || u.PartCount > 256 || u.PartCount < 1 {
			t.Errorf("%d bytes: %d parts of %d", size, u.PartCount, u.PartSize)
		}
		sum := int64(0)
		for n := 1; n <= u.PartCount; n++ {
			if length := u.Length(n); length < 1 || (n < u.PartCount && length != u.PartSize) {
				t.Errorf("%d bytes: part %d has %d", size, n, length)
			}
			sum += u.Length(n)
		}
		if sum != size || u.Length(0) != 0 || u.Length(u.PartCount+1) != 0 {
			t.Errorf("%d bytes: the parts have %d", size, sum)
		}
	}
}

func TestOnlyTheOwnerOpensAnUploadInParts(t *testing.T) {
	t.Parallel()
	_, err := registered(t).OpenParts("u", media.Facts{Actor: media.Actor{ID: "another", Role: "admin"}}, 0, now)
	wantError(t, err, domain.NotFound, "MEDIA_NOT_FOUND")
	_, err = uploaded(t).OpenParts("u", owner, 0, now)
	wantError(t, err, domain.Conflict, "INVALID_MEDIA_STATE")
	_, err = registered(t).OpenParts("u", owner, media.MaxOpenUploads, now)
	wantError(t, err, domain.Conflict, "TOO_MANY_UPLOADS")
	u, err := registered(t).OpenParts("u", owner, media.MaxOpenUploads-1, now)
	if err != nil || u.Usable(now) {
		t.Errorf("parts may be sent before the store has opened the upload: %v", err)
	}
	u.StoreID = "s"
	if !u.Usable(now) || u.Usable(u.ExpiresAt) {
		t.Error("an upload is usable until it expires")
	}
}

func TestAFileIsAssembledOnlyFromAllParts(t *testing.T) {
	t.Parallel()
	item := registered(t)
	item.SizeBytes = 2*media.MinPartBytes + 7
	u, _ := item.OpenParts("u", owner, 0, now)
	all := []media.Part{{3, `"c"`, 7}, {1, `"a"`, media.MinPartBytes}, {2, `"b"`, media.MinPartBytes}}
	for name, c := range map[string]struct {
		stored []media.Part
		named  []media.NamedPart
		want   string
	}{
		"all":                  {all, nil, ""},
		"all, named":           {all, []media.NamedPart{{2, "b"}, {1, `"a"`}, {3, "c"}}, ""},
		"one is missing":       {all[:2], nil, "UPLOAD_INCOMPLETE"},
		"one is not named":     {all, []media.NamedPart{{1, "a"}, {2, "b"}}, "UPLOAD_INCOMPLETE"},
		"one is short":         {[]media.Part{all[1], all[2], {3, `"c"`, 6}}, nil, "UPLOAD_INCOMPLETE"},
		"one is another":       {all, []media.NamedPart{{1, "a"}, {2, "x"}, {3, "c"}}, "UPLOAD_PART_MISMATCH"},
		"one is beyond":        {all, []media.NamedPart{{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}}, "UPLOAD_PART_MISMATCH"},
		"nothing":              {nil, nil, "UPLOAD_INCOMPLETE"},
		"more than there are ": {append(slices.Clone(all), media.Part{Number: 4, ETag: "d", Size: 1}), nil, ""},
	} {
		parts, err := u.Assemble(c.stored, c.named)
		if c.want != "" {
			wantError(t, err, domain.Rule, c.want)
			continue
		}
		if err != nil || fmt.Sprint(parts) != fmt.Sprint([]media.Part{all[1], all[2], all[0]}) {
			t.Errorf("%s: %v, %v", name, parts, err)
		}
	}
}

func TestAnUploadContinuesAtItsFirstMissingPart(t *testing.T) {
	t.Parallel()
	item := registered(t)
	item.SizeBytes = 2*media.MinPartBytes + 7
	u, _ := item.OpenParts("u", owner, 0, now)
	first, second := media.Part{1, "a", media.MinPartBytes}, media.Part{2, "b", media.MinPartBytes}
	for name, c := range map[string]struct {
		stored []media.Part
		part   int
	}{
		"nothing is stored":      {nil, 1},
		"the second is missing":  {[]media.Part{{3, "c", 7}, first}, 2},
		"the second is short":    {[]media.Part{first, {2, "b", 5}}, 2},
		"the last is missing":    {[]media.Part{second, first}, 3},
		"all are stored":         {[]media.Part{first, second, {3, "c", 7}}, 3},
		"one is beyond the last": {[]media.Part{first, {4, "d", 7}}, 2},
	} {
		part, offset := u.Next(c.stored)
		if part != c.part || offset != int64(c.part-1)*media.MinPartBytes {
			t.Errorf("%s: part %d at %d", name, part, offset)
		}
	}
}

// FuzzOriginalKey: outside development the platform chooses the key, below the prefix of the item.
func FuzzOriginalKey(f *testing.F) {
	for _, key := range []string{
		"", "a/b.mp4", "../x", creator + "/originals/other/x.mp4", "a\x00b", "/a", "a//b", "a%2e",
	} {
		f.Add(key, "video/mp4", true)
		f.Add(key, "audio/../x", false)
	}
	f.Fuzz(func(t *testing.T, key, mime string, development bool) {
		r, facts := registration(), owner
		r.R2Key, r.MimeType, facts.Development = key, mime, development
		item, _, err := media.New(id, r, facts, now)
		if err != nil {
			return
		}
		if !media.SafeKey(item.ObjectKey) {
			t.Fatalf("key %q of %q", item.ObjectKey, key)
		}
		if !development && !strings.HasPrefix(item.ObjectKey, media.PrefixesOf(creator, id).Originals) {
			t.Fatalf("key %q is not the item's", item.ObjectKey)
		}
	})
}
