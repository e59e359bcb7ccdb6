package stripe

import (
	"slices"
	"strconv"
)

// span is a created filter: created=5 or created[gte]=5 and the like.
type span struct{ from, to int64 } // both inclusive; to 0 means open

func (r *request) created() span {
	var out span
	if exact := r.integer("created", 0); exact != 0 {
		return span{exact, exact}
	}
	out.from = max(r.integer("created[gte]", 0), r.integer("created[gt]", -1)+1)
	out.to = r.integer("created[lte]", 0)
	if lt := r.integer("created[lt]", 0); lt != 0 && (out.to == 0 || lt-1 < out.to) {
		out.to = lt - 1
	}
	return out
}

func (s span) holds(at int64) bool { return at >= s.from && (s.to == 0 || at <= s.to) }

// page is one page of a list, newest first, after or before a cursor.
func page[T any](r *request, in *table[T], keep func(T) bool, show func(T) any) (any, error) {
	limit := int(r.integer("limit", 10))
	after, before := r.text("starting_after"), r.text("ending_before")
	if limit < 1 || limit > 100 {
		r.fail(invalid("limit", "Invalid limit: must be between 1 and 100, not "+strconv.Itoa(limit)))
	}
	if after != "" && before != "" {
		r.fail(invalid("starting_after", "Received both starting_after and ending_before parameters."))
	}
	for name, cursor := range map[string]string{"starting_after": after, "ending_before": before} {
		if _, known := in.at[cursor]; cursor != "" && !known {
			r.fail(unknown(400, in.kind, cursor, name))
		}
	}
	if err := r.done(); err != nil {
		return nil, err
	}
	at, step := len(in.order)-1, -1
	switch {
	case after != "":
		at = in.at[after] - 1
	case before != "":
		at, step = in.at[before]+1, 1
	}
	var data []any
	more := false
	for ; at >= 0 && at < len(in.order); at += step {
		row := in.rows[in.order[at]]
		if !keep(row) {
			continue
		}
		if len(data) == limit {
			more = true
			break
		}
		data = append(data, show(row))
	}
	if step > 0 {
		slices.Reverse(data)
	}
	return listOf(r.http.URL.Path, more, data), nil
}
