package strict_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

type request struct {
	Title  string             `json:"title"`
	Count  *int64             `json:"count,omitempty"`
	Tags   []string           `json:"tags,omitempty"`
	Nested *request           `json:"nested,omitempty"`
	Map    map[string]float64 `json:"map,omitempty"`
}

func TestErrorsNameThePathOfTheField(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"title":"x"}`:                         "",
		`{"title":"x","title":"y"}`:             "title is given twice",
		`{"nested":{"count":"1"}}`:              "nested.count must be a whole number",
		`{"Title":"x"}`:                         "Title is not a known field",
		`{"tags":["a","b\u0000"]}`:              "tags.1 must not contain the NUL character",
		`{"title":"\u202e"}`:                    "title must not contain bidirectional overrides",
		`{"title":"x"} {}`:                      " is not well-formed JSON",
		`{"title":"x`:                           "title is not well-formed JSON",
		"{\"title\":\"\xff\"}":                  "title is not well-formed JSON",
		strings.Repeat(`{"nested":`, 40):        " is too deep or too long",
		`[` + strings.Repeat("1,", 30000) + `]`: " is too deep or too long",
	} {
		var r request
		err := strict.Decode([]byte(body), &r)
		got := ""
		if refusal, ok := domain.AsError(err); ok {
			got = refusal.Fields[0].Path + " " + refusal.Fields[0].Message
		} else if err != nil {
			t.Errorf("%.40s: an error that no client is told about: %v", body, err)
		}
		if got != want {
			t.Errorf("%.40s:\n got %q\nwant %q", body, got, want)
		}
	}
}

func TestAllFieldsAtFaultAreNamedAndTheOthersAreRead(t *testing.T) {
	t.Parallel()
	var r request
	err := strict.Decode([]byte(`{"unknown":{"a":[1]},"count":"1","title":"kept","tags":["a",2,"\u0000"],
		"nested":{"title":[],"Count":1,"tags":["kept"]},"map":{"a":1.5,"b":"x"}}`), &r)
	refusal, ok := domain.AsError(err)
	if !ok || !strict.Readable(err) {
		t.Fatal(err)
	}
	var got []string
	for _, f := range refusal.Fields {
		got = append(got, f.Path)
	}
	want := "tags.2 unknown count tags.1 nested.title nested.Count map.b"
	if strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	if r.Title != "kept" || r.Nested == nil || len(r.Nested.Tags) != 1 || r.Map["a"] != 1.5 {
		t.Errorf("read %+v", r)
	}
	if err := strict.Decode([]byte(`{"count":"1","title":`), &r); strict.Readable(err) {
		t.Errorf("an unfinished document is readable: %v", err)
	}
}

func TestStorableRefusesOnlyWhatADatabaseCannotStore(t *testing.T) {
	t.Parallel()
	for body, stored := range map[string]bool{
		`{"a":1,"a":2,"deep":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`: true,
		`{"name":"\u202e\u0007čaj"}`:        true,
		`{"metadata":{"k":"a\u0000b"}}`:     false,
		`{"metadata":{"a\u0000b":"v"}}`:     false,
		`{"metadata":{"k":"\ud800"}}`:       false,
		`{"metadata":{"k":"\udc00\ud800"}}`: false,
		"{\"metadata\":{\"k\":\"\xff\"}}":   false,
		`{"metadata":`:                      false,
	} {
		if err := strict.Storable([]byte(body)); (err == nil) != stored {
			t.Errorf("%.60q: %v", body, err)
		}
	}
}

// FuzzDecode: nothing makes it panic; what it takes the standard library takes, too,
// as the same value, and holds no text that is refused everywhere.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"title":"x","count":1,"tags":["a"],"nested":{"title":"y"},"map":{"a":1.5}}`,
		`{"title":"\ud800"}`,
		`{"count":9223372036854775808}`,
		`{"count":1e3}`,
		`{"title":null}`,
		`null`,
		`[]`,
		`""`,
		`{"title":"a","title":"b"}`,
		"\xef\xbb\xbf{}",
		`{"map":{"":1,"":2}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var ours, theirs request
		if err := strict.Decode(body, &ours); err != nil {
			if _, told := domain.AsError(err); !told {
				t.Fatalf("%q: %v is not for clients", body, err)
			}
			return
		}
		if err := json.Unmarshal(body, &theirs); err != nil {
			t.Fatalf("%q: the standard library refuses it: %v", body, err)
		}
		a, _ := json.Marshal(ours)
		b, _ := json.Marshal(theirs)
		if !bytes.Equal(a, b) {
			t.Fatalf("%q is %s here and %s there", body, a, b)
		}
		if !utf8.Valid(body) || strict.BadText(ours.Title) != "" {
			t.Fatalf("%q was taken", body)
		}
	})
}
