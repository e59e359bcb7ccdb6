package edge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/handlers/lists"
)

// A page of a list is found without reading what comes before it, and its total
// without counting, as far as that goes:
//
//   - An order by a time walks the counts that table list_days keeps per day: to the day
//     that the page begins in. Only that day's rows are skipped.
//   - In other orders a long list is cut into stretches (table list_cuts), whose counts
//     are walked in the same way.
//   - Shorter lists, and filters that nothing counts, skip rows, in an index alone, from
//     the nearer end of the list.
//
// Every order ends in the unique id, so that no two rows can change places between two
// pages. A row that is added in front of a page moves the others down by one, as page
// numbers will have it: in an order that appends at the end (created_at asc) a client
// that turns the pages misses nothing and sees nothing twice; in the opposite order it
// sees again, on the next page, as many rows as were added meanwhile, and misses none.

// place is where a page lies.
type place struct {
	total int64
	// skip is how many rows of the selected ones come before the page, limit how many it has.
	skip, limit int
	// until is where the first row that counts lies, in the order's direction: all rows
	// are before it (descending) or not before it (ascending). Infinite when rows are
	// skipped from the end of the list.
	until time.Time
	// key and id are where the first row that counts lies in an order by another column:
	// the value as a text, and the row; empty when rows are skipped from the end.
	key, id string
	// backwards says that skip counts from the other end: the page is read in the
	// opposite order and turned around.
	backwards bool
}

// empty says that nothing lies there.
func (p place) empty() bool { return p.limit == 0 }

// listed names a list whose rows are counted per day.
type listed struct {
	list, owner string
	// kind is the part that is asked for: values of its filters joined with slashes,
	// * for one that is not set.
	kind string
}

// kind joins filters; an empty one selects all.
func kind(filters ...string) string {
	for i, f := range filters {
		if f == "" {
			filters[i] = "*"
		}
	}
	return strings.Join(filters, "/")
}

// filter is a filter of a list that is counted for itself; its value is "" when it is not
// set.
type filter struct{ name, value string }

// alone returns the kind of the one filter that is set, or kind when none is. It reports
// false when several are, or one beside what kind selects.
func alone(kind string, selects bool, filters ...filter) (string, bool) {
	found := false
	for _, f := range filters {
		switch {
		case f.value == "":
		case found || selects:
			return "", false
		default:
			kind, found = f.name+"/"+f.value, true
		}
	}
	return kind, true
}

// daysOf adds up a list's counts.
const daysOf = `SELECT day, sum(n)::int AS n FROM list_days WHERE list = $1 AND owner = $2 AND kind = $3 GROUP BY day`

// The walk over days (day, n) to the one in which the row at offset $%d lies: the total,
// the day, and how many rows come before it.
const (
	walkDown = `SELECT total, day, before FROM (
    SELECT sum(n) OVER () AS total, day, sum(n) OVER (ORDER BY day DESC) - n AS before FROM (%s) d WHERE n > 0
) w WHERE before <= $%d ORDER BY before DESC LIMIT 1`
	walkUp = `SELECT total, day, before FROM (
    SELECT sum(n) OVER () AS total, day, sum(n) OVER (ORDER BY day) - n AS before FROM (%s) d WHERE n > 0
) w WHERE before <= $%d ORDER BY before DESC LIMIT 1`
)

// stretchesOf adds up the counts of a list's stretches.
const stretchesOf = `SELECT day, sum(n)::int AS n FROM list_days WHERE list = $1 || ' by ' || $3 AND owner = $2 AND kind = $4 GROUP BY day`

var (
	listDown = fmt.Sprintf(walkDown, daysOf, 4)
	listUp   = fmt.Sprintf(walkUp, daysOf, 4)
)

// total returns how many rows a counted list has.
func (e *Edge) total(ctx context.Context, of listed) (total int64, err error) {
	err = e.cfg.Pool.QueryRow(ctx, `SELECT COALESCE(sum(n), 0) FROM list_days WHERE list = $1 AND owner = $2 AND kind = $3`,
		of.list, of.owner, of.kind).Scan(&total)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", of.list, err)
	}
	return total, nil
}

// placeByDay finds a page of a counted list in the order of its time.
func (e *Edge) placeByDay(ctx context.Context, of listed, order string, page paging) (place, error) {
	walk := listDown
	if order == "asc" {
		walk = listUp
	}
	return e.walk(ctx, walk, order, page, of.list, of.owner, of.kind)
}

// walk runs a walk with the page's offset as its last argument.
func (e *Edge) walk(ctx context.Context, walk, order string, page paging, args ...any) (place, error) {
	var day, before *int64
	p := place{}
	rows, err := e.cfg.Pool.Query(ctx, walk, append(args, page.offset())...)
	if err != nil {
		return p, fmt.Errorf("place a page: %w", err)
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&p.total, &day, &before); err != nil {
			return p, fmt.Errorf("place a page: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return p, fmt.Errorf("place a page: %w", err)
	}
	if int64(page.offset()) >= p.total {
		return p, nil
	}
	if order != "asc" {
		*day++
	}
	p.until = time.Unix(*day*24*60*60, 0).UTC()
	p.skip, p.limit = page.offset()-int(*before), page.limit
	return p, nil
}

// wholeKinds are those that are no parts of a list: how many rows a part has does not
// say whether the list is long.
var wholeKinds = map[string]bool{"*": true, "*/*": true, "all/*": true, "open/*": true}

// stretchBounds adds to a walk over stretches where the one that it ends in begins ("up"),
// or the next one does ("down"), in the list, owner and column named.
func stretchBounds(walk, list, owner, column string, next int) string {
	return fmt.Sprintf(`SELECT w.total, w.before, COALESCE(c.key, ''), COALESCE(c.id::text, '') FROM (%s) w
LEFT JOIN list_cuts c ON c.list = %s AND c.owner = %s AND c.by_column = %s AND c.stretch = w.day + %d`, walk, list, owner, column, next)
}

var (
	stretchUp   = stretchBounds(fmt.Sprintf(walkUp, stretchesOf, 5), "$1", "$2", "$3", 0)
	stretchDown = stretchBounds(fmt.Sprintf(walkDown, stretchesOf, 5), "$1", "$2", "$3", 1)
)

// placeByStretch finds a page of a long list of total rows in an order by a column. A
// list that is not cut yet is placed by its total. So is a page with rows that have no
// value in the column: they lie behind all stretches, and are found from the end.
func (e *Edge) placeByStretch(ctx context.Context, of listed, column, direction string, total int64, page paging) (place, error) {
	walk := stretchDown
	if direction == "asc" {
		walk = stretchUp
	}
	if int64(page.offset()) >= total {
		return place{total: total}, nil
	}
	var valued, before int64
	p := place{total: total, limit: page.limit}
	err := e.cfg.Pool.QueryRow(ctx, walk, of.list, of.owner, column, of.kind, page.offset()).Scan(&valued, &before, &p.key, &p.id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return placeByCount(total, page), nil
	case err != nil:
		return place{}, fmt.Errorf("place a page: %w", err)
	case valued < total && int64(page.offset()+page.limit) > valued:
		return placeByCount(total, page), nil
	}
	p.skip = page.offset() - int(before)
	return p, nil
}

// placeByCount finds a page of a list of which only the total is known.
func placeByCount(total int64, page paging) place {
	offset := int64(page.offset())
	if offset >= total {
		return place{total: total}
	}
	p := place{total: total, skip: page.offset(), limit: int(min(int64(page.limit), total-offset))}
	if behind := total - offset - int64(p.limit); behind < offset {
		p.skip, p.backwards = int(behind), true
	}
	return p
}

// order is an order of a list, as it is written behind ORDER BY, and its opposite.
type order struct{ forwards, backwards string }

// orderBy is an order by a column that always has a value, and the id.
func orderBy(column, direction string) order {
	if direction == "asc" {
		return order{column + " ASC, id ASC", column + " DESC, id DESC"}
	}
	return order{column + " DESC, id DESC", column + " ASC, id ASC"}
}

// orderBySome is an order by a column that may be empty: what has no value comes last
// in both directions.
func orderBySome(column, direction string) order {
	if direction == "asc" {
		return orderBy(column, direction)
	}
	return order{column + " DESC NULLS LAST, id DESC", column + " ASC NULLS FIRST, id ASC"}
}

// where selects rows by the filters that are set, so that each combination is a
// statement of its own and gets a plan of its own. Conditions are written in the
// program; what clients send travels as parameters.
type where struct {
	conditions []string
	args       []any
}

// and adds a condition; every $ in it is the argument.
func (w *where) and(condition string, arg any) {
	w.args = append(w.args, arg)
	w.conditions = append(w.conditions, strings.ReplaceAll(condition, "$", fmt.Sprintf("$%d", len(w.args))))
}

// andIf adds a condition for a filter that is set.
func (w *where) andIf(condition, filter string) {
	if filter != "" {
		w.and(condition, filter)
	}
}

func (w *where) sql() string { return strings.Join(w.conditions, " AND ") }

// keyTypes are the types of the columns that long lists are ordered by, other than text.
var keyTypes = map[string]string{
	"updated_at": "::timestamptz", "published_at": "::timestamptz", "uploaded_at": "::timestamptz", "view_count": "::int", "purchase_count": "::int",
	"seconds": "::int",
}

// from is the day, or the row, up to which or from which rows count.
func (w *where) from(column, direction string, p place) {
	switch {
	case p.id != "":
		compare := map[string]string{"asc": ">=", "desc": "<"}[direction]
		n := len(w.args)
		w.args = append(w.args, p.key, p.id)
		w.conditions = append(w.conditions, fmt.Sprintf("(%s, id) %s ($%d::text%s, $%d::uuid)", column, compare, n+1, keyTypes[column], n+2))
	case p.until.IsZero():
	case direction == "asc":
		w.and(column+" >= $", p.until)
	default:
		w.and(column+" < $", p.until)
	}
}

// page is what stands behind SELECT <columns> FROM to read a place: the ids first, in
// an index alone, then their rows. An array of ids tells the planner that they are few;
// of a subquery with a limit that it does not know it expects a tenth of the table.
func (w *where) page(table string, o order, p place) (string, []any) {
	ids, args := w.ids(table, o, p)
	return fmt.Sprintf(`%s WHERE id = ANY(%s) ORDER BY %s`, table, ids, o.forwards), args
}

// ids is the array of a place's ids.
func (w *where) ids(table string, o order, p place) (string, []any) {
	in := o.forwards
	if p.backwards {
		in = o.backwards
	}
	n := len(w.args)
	return fmt.Sprintf(`ARRAY(SELECT id FROM %s WHERE %s ORDER BY %s LIMIT $%d OFFSET $%d)`, table, w.sql(), in, n+1, n+2), append(w.args, p.limit, p.skip)
}

// placeBy finds a page of a list in an order by a column: by day when the list is
// counted and timed is the column that it is counted by. A list that is not counted (its
// name is empty) is counted now.
func (e *Edge) placeBy(ctx context.Context, of listed, timed, column, direction string, w *where, table string, page paging) (place, error) {
	if of.list != "" && column == timed {
		return e.placeByDay(ctx, of, direction, page)
	}
	if of.list != "" {
		total, err := e.total(ctx, of)
		if err != nil || total < lists.LongRows && wholeKinds[of.kind] {
			return placeByCount(total, page), err
		}
		return e.placeByStretch(ctx, of, column, direction, total, page)
	}
	var total int64
	if err := e.cfg.Pool.QueryRow(ctx, `SELECT count(*) FROM `+table+` WHERE `+w.sql(), w.args...).Scan(&total); err != nil {
		return place{}, fmt.Errorf("count %s: %w", table, err)
	}
	return placeByCount(total, page), nil
}
