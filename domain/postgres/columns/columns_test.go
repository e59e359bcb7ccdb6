package columns_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain/postgres/columns"
)

type status string

type row struct {
	ID      string
	Text    *string
	Status  status
	Parent  string
	Scope   status
	Price   *int64
	Size    int64
	Height  int
	Visible bool
	Tags    []string
	Config  map[string]any
	At      time.Time
	End     *time.Time
}

var table = columns.New("things", []columns.Column[row]{
	{Name: "id", Fixed: true, Field: func(r *row) any { return &r.ID }},
	{Name: "text", Field: func(r *row) any { return &r.Text }},
	{Name: "status", Field: func(r *row) any { return &r.Status }},
	{Name: "parent", Field: func(r *row) any { return columns.Optional(&r.Parent) }},
	{Name: "scope", Field: func(r *row) any { return columns.Optional(&r.Scope) }},
	{Name: "price", Field: func(r *row) any { return &r.Price }},
	{Name: "size", Field: func(r *row) any { return &r.Size }},
	{Name: "height", Field: func(r *row) any { return &r.Height }},
	{Name: "visible", Field: func(r *row) any { return &r.Visible }},
	{Name: "tags", Field: func(r *row) any { return &r.Tags }},
	{Name: "config", Field: func(r *row) any { return &r.Config }},
	{Name: "initial", Derived: true, Field: func(r *row) any {
		if r.Text == nil {
			return (*string)(nil)
		}
		first := (*r.Text)[:1]
		return &first
	}},
	{Name: "views", Expression: "0", Field: func(r *row) any { return new(int) }},
	{Name: "at", Field: func(r *row) any { return &r.At }},
	{Name: "end", Field: func(r *row) any { return &r.End }},
})

func TestRowsAreWrittenAsOneJSONDocument(t *testing.T) {
	t.Parallel()
	text, price := "quote \" slash \\ line \n tag <b> \u2028 e\u0301 \x00", int64(2999)
	at := time.Date(2026, 5, 1, 12, 0, 0, 123456000, time.UTC)
	rows := []row{
		{ID: "a", At: at},
		{
			ID: "b", Text: &text, Status: "live", Parent: "a", Scope: "all", Price: &price, Size: -1, Height: 720,
			Visible: true, Tags: []string{"x"}, Config: map[string]any{"k": 1.5}, At: at, End: &at,
		},
	}
	_, document, err := table.Insert(rows)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(document), &got); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	stamp := "2026-05-01T12:00:00.123456Z"
	want, err := json.Marshal([]map[string]any{
		{
			"id": "a", "text": nil, "status": "", "parent": nil, "scope": nil, "price": nil, "size": 0, "height": 0,
			"visible": false, "initial": nil, "tags": nil, "config": nil, "at": stamp, "end": nil,
		},
		{
			"id": "b", "text": text, "status": "live", "parent": "a", "scope": "all", "price": 2999, "size": -1,
			"height": 720, "visible": true, "initial": "q", "tags": []string{"x"}, "config": map[string]any{"k": 1.5},
			"at": stamp, "end": stamp,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(want) {
		t.Errorf("rows\n%s, want\n%s", again, want)
	}
}

func TestNoRowsAreAnEmptyDocument(t *testing.T) {
	t.Parallel()
	if _, document, err := table.Update(nil); err != nil || document != "[]" {
		t.Errorf("%s, %v", document, err)
	}
}

func BenchmarkInsert(b *testing.B) {
	text := "Some words to read."
	rows := make([]row, 64)
	for i := range rows {
		rows[i] = row{ID: "a", Text: &text, Status: "draft", Parent: "b", Tags: []string{}, At: time.Now()}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := table.Insert(rows); err != nil {
			b.Fatal(err)
		}
	}
}
