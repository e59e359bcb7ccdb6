package paging

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Page is a request for one page of a list.
type Page struct {
	// Number counts from 1.
	Number, Limit int
	// Cursor is the nextCursor of another page; Number is then ignored.
	Cursor string
}

// Key is what a list is ordered by: an expression that is never null.
type Key struct {
	SQL  string
	Type KeyType
}

// Order is an order by keys and then by id, all in one direction.
type Order struct {
	Keys []Key
	// ID is the expression of the id, a UUID.
	ID         string
	Descending bool
}

// By returns an order by one key.
func By(key string, of KeyType, id, direction string) Order {
	return Order{Keys: []Key{{key, of}}, ID: id, Descending: direction == "desc"}
}

// name identifies the order in cursors.
func (o Order) name() string {
	name := map[bool]string{false: "asc", true: "desc"}[o.Descending]
	for _, key := range o.Keys {
		name += " " + key.SQL
	}
	return name
}

// columns returns the keys and the id.
func (o Order) columns() (list []string) {
	for _, key := range o.Keys {
		list = append(list, key.SQL)
	}
	return append(list, o.ID)
}

// by returns what stands behind ORDER BY.
func by(columns []string, descending bool) string {
	if descending {
		return strings.Join(columns, " DESC, ") + " DESC"
	}
	return strings.Join(columns, ", ")
}

// Narrow stands in [List.From] where a branch of a union ends: it is replaced by the
// page's range, order and limit, so that no branch is read further than the page can need.
// The branch must have the order's keys and id as columns, and a WHERE.
const Narrow = "/*narrow*/"

// List says which rows a list has, and their order.
type List struct {
	// From are its tables.
	From string
	// Counted are the tables that are counted, where the order needs others; default From.
	Counted string
	Where   Where
	Order   Order
	// Search says that rows are searched for; see [Find].
	Search bool
}

// Found is one page of a list.
type Found struct {
	// IDs are those of the page's rows, in their order.
	IDs []string
	// Total is how many rows the list has. With a cursor it is what was counted before.
	Total         int64
	Number, Limit int
	// Next is the cursor of the next page; nil when there is none.
	Next *string
}

// DB is a pool.
type DB interface {
	reader
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// reader is a pool or a transaction.
type reader interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Find reads a page of a list. A cursor that is not one of the list is an invalid field;
// a search runs as [Search] says.
func Find(ctx context.Context, db DB, l List, p Page) (found Found, err error) {
	var after *cursor
	if p.Cursor != "" {
		c, err := decodeCursor(p.Cursor, l.Order)
		if err != nil {
			return found, err
		}
		after = &c
	}
	if !l.Search {
		return l.find(ctx, db, p, after)
	}
	err = Search(ctx, db, func(tx pgx.Tx) error {
		found, err = l.find(ctx, tx, p, after)
		return err
	})
	return found, err
}

// find reads a first page together with its count, and a page behind a cursor without one,
// in one round trip. A numbered page needs its count first.
func (l List) find(ctx context.Context, db reader, p Page, after *cursor) (Found, error) {
	found, offset := Found{Number: p.Number, Limit: p.Limit}, (p.Number-1)*p.Limit
	if after != nil {
		found.Number, found.Total, offset = after.Number, after.Total, 0
	}
	count := &pgx.Batch{}
	if offset > 0 {
		l.queueCount(count, &found.Total)
		if err := send(ctx, db, count); err != nil || int64(offset) >= found.Total {
			return found, err
		}
	}

	// One row more than the page has says whether there is a next one.
	limit, skip, backwards := p.Limit+1, offset, false
	if rest := found.Total - int64(offset); offset > 0 && rest < int64(offset) {
		limit = int(min(int64(limit), rest))
		skip, backwards = int(rest)-limit, true
	}
	page, first := &pgx.Batch{}, after == nil && offset == 0
	var last cursor
	l.queuePage(page, &found, &last, after, limit, skip, backwards)
	if first {
		l.queueCount(page, &found.Total)
	}
	if err := send(ctx, db, page); err != nil {
		return found, err
	}

	if len(found.IDs) <= p.Limit {
		if first {
			found.Total = int64(len(found.IDs))
		}
		return found, nil
	}
	found.IDs = found.IDs[:p.Limit]
	last.Order, last.Number, last.Total = l.Order.name(), found.Number+1, found.Total
	next := last.encode()
	found.Next = &next
	return found, nil
}

func send(ctx context.Context, db reader, b *pgx.Batch) error {
	if err := db.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("read a page: %w", err)
	}
	return nil
}

func (l List) queueCount(b *pgx.Batch, total *int64) {
	from := l.Counted
	if from == "" {
		from = strings.ReplaceAll(l.From, Narrow, "")
	}
	b.Queue(`SELECT count(*) FROM `+from+` WHERE `+l.Where.sql(), l.Where.args...).
		QueryRow(func(row pgx.Row) error { return row.Scan(total) })
}

// queuePage queues the read of ids, and of the keys of the page's last row.
func (l List) queuePage(
	b *pgx.Batch, found *Found, last, after *cursor, limit, skip int, backwards bool,
) {
	sql, args := l.statement(after, limit, skip, backwards)
	at := cursor{Keys: make([]string, len(l.Order.Keys))}
	fields := []any{&at.ID}
	for i := range at.Keys {
		fields = append(fields, &at.Keys[i])
	}
	b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, fields, func() error {
			found.IDs = append(found.IDs, at.ID)
			if len(found.IDs) == found.Limit {
				*last = cursor{ID: at.ID, Keys: append([]string{}, at.Keys...)}
			}
			return nil
		})
		return err
	})
}

// statement reads a page's range in an index, and then writes the keys of its rows as text.
func (l List) statement(after *cursor, limit, skip int, backwards bool) (string, []any) {
	w := l.Where
	w.args = append([]any{}, w.args...)
	columns := l.Order.columns()
	behind := ""
	if after != nil {
		behind = " AND " + l.behind(&w, *after)
	}
	order := by(columns, l.Order.Descending != backwards)
	from := l.From
	if strings.Contains(from, Narrow) {
		from = strings.ReplaceAll(from, Narrow, behind+` ORDER BY `+order+` LIMIT `+w.Arg(limit+skip))
	}
	inner, outer, names := l.Order.ID+` AS id`, `id`, []string{}
	for i, key := range l.Order.Keys {
		name := fmt.Sprintf("key%d", i)
		inner += `, ` + key.SQL + ` AS ` + name
		outer += `, ` + key.Type.text(name)
		names = append(names, "page."+name)
	}
	return `SELECT ` + outer + ` FROM (
SELECT ` + inner + ` FROM ` + from + ` WHERE ` + w.sql() + behind + `
ORDER BY ` + order + ` LIMIT ` + w.Arg(limit) + ` OFFSET ` + w.Arg(skip) + `
) page ORDER BY ` + by(append(names, "page.id"), l.Order.Descending), w.args
}

// behind selects what comes behind a cursor.
func (l List) behind(w *Where, after cursor) string {
	var places []string
	for i, key := range l.Order.Keys {
		places = append(places, w.Arg(after.Keys[i])+"::text::"+string(key.Type))
	}
	compare := " > ("
	if l.Order.Descending {
		compare = " < ("
	}
	return "(" + strings.Join(l.Order.columns(), ", ") + ")" + compare + strings.Join(
		append(places, w.Arg(after.ID)+"::text::uuid"),
		", ",
	) + ")"
}
