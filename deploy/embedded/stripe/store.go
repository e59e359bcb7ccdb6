package stripe

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// store is the state of the sandbox, under one lock. A transaction reads and changes a
// consistent state, and is in the journal before its response is sent.
type store struct {
	mu      sync.RWMutex
	now     func() time.Time
	journal *journal // nil in memory

	customers  *table[customer]
	portals    *table[portal]
	products   *table[product]
	prices     *table[price]
	sessions   *table[session]
	intents    *table[intent]
	charges    *table[charge]
	refunds    *table[refund]
	disputes   *table[dispute]
	accounts   *table[account]
	links      *table[accountLink]
	transfers  *table[transfer]
	reversals  *table[reversal]
	balances   *table[int64] // by "<currency>" and "<account>/<currency>"
	events     *table[event]
	deliveries *table[delivery]
	answers    *table[answer] // by idempotency key

	tables map[string]journalled
	open   map[string]int64 // open sessions and when they expire
}

func newStore(now func() time.Time) *store {
	st := &store{now: now, tables: map[string]journalled{}, open: map[string]int64{}}
	st.customers = newTable[customer](st, "customer")
	st.portals = newTable[portal](st, "portal")
	st.products = newTable[product](st, "product")
	st.prices = newTable[price](st, "price")
	st.sessions = newTable[session](st, "session")
	st.intents = newTable[intent](st, "intent")
	st.charges = newTable[charge](st, "charge")
	st.refunds = newTable[refund](st, "refund")
	st.disputes = newTable[dispute](st, "dispute")
	st.accounts = newTable[account](st, "account")
	st.links = newTable[accountLink](st, "account_link")
	st.transfers = newTable[transfer](st, "transfer")
	st.reversals = newTable[reversal](st, "reversal")
	st.balances = newTable[int64](st, "balance")
	st.events = newTable[event](st, "event")
	st.deliveries = newTable[delivery](st, "delivery")
	st.answers = newTable[answer](st, "answer")
	return st
}

// table has rows by id, in the order of their first put.
type table[T any] struct {
	kind  string
	rows  map[string]T
	order []string
	at    map[string]int // id → index in order
}

// journalled is a table of the journal.
type journalled interface {
	load(id string, data json.RawMessage) error
	dump(keep func(kind, id string) bool, add func(entry) error) error
}

func newTable[T any](st *store, kind string) *table[T] {
	t := &table[T]{kind: kind, rows: map[string]T{}, at: map[string]int{}}
	st.tables[kind] = t
	return t
}

func (t *table[T]) get(id string) (T, bool) { row, ok := t.rows[id]; return row, ok }

func (t *table[T]) set(id string, row T) {
	if _, known := t.at[id]; !known {
		t.at[id] = len(t.order)
		t.order = append(t.order, id)
	}
	t.rows[id] = row
}

// drop undoes the first set of the newest row.
func (t *table[T]) drop(id string) {
	t.order = t.order[:t.at[id]]
	delete(t.at, id)
	delete(t.rows, id)
}

func (t *table[T]) load(id string, data json.RawMessage) error {
	var row T
	if err := json.Unmarshal(data, &row); err != nil {
		return fmt.Errorf("%s %s: %w", t.kind, id, err)
	}
	t.set(id, row)
	return nil
}

func (t *table[T]) dump(keep func(kind, id string) bool, add func(entry) error) error {
	for _, id := range t.order {
		if !keep(t.kind, id) {
			continue
		}
		data, err := json.Marshal(t.rows[id])
		if err != nil {
			return err
		}
		if err := add(entry{Kind: t.kind, ID: id, Row: data}); err != nil {
			return err
		}
	}
	return nil
}

// newest returns the rows that keep accepts, newest first, at most limit.
func (t *table[T]) newest(limit int, keep func(T) bool) []T {
	var out []T
	for _, id := range slices.Backward(t.order) {
		if len(out) == limit {
			break
		}
		if row := t.rows[id]; keep == nil || keep(row) {
			out = append(out, row)
		}
	}
	return out
}

// tx is one change. Puts are visible at once and are undone when the change fails.
type tx struct {
	*store
	server *Server
	stamp  int64 // unix seconds
	req    *request
	log    []entry
	undo   []func()
	after  []func() // run once the change is durable
	lazy   bool     // need not be on disk before the caller continues
}

func put[T any](t *tx, in *table[T], id string, row T) error {
	data, err := json.Marshal(row)
	if err != nil {
		return err
	}
	old, had := in.get(id)
	in.set(id, row)
	t.undo = append(t.undo, func() {
		if had {
			in.rows[id] = old
			return
		}
		in.drop(id)
	})
	t.log = append(t.log, entry{Kind: in.kind, ID: id, Row: data})
	return nil
}

// update runs change under the lock and makes it durable, or undoes it.
func (s *Server) update(req *request, change func(*tx) error) error {
	st := s.store
	st.mu.Lock()
	t := &tx{
		store:  st,
		server: s,
		stamp:  st.now().Unix(),
		req:    req,
	}
	err := change(t)
	if err == nil && len(t.log) > 0 && st.journal != nil {
		err = st.journal.append(t.log, !t.lazy)
	}
	if err != nil {
		for _, undo := range slices.Backward(t.undo) {
			undo()
		}
		st.mu.Unlock()
		return err
	}
	for _, e := range t.log {
		if e.Kind == st.sessions.kind {
			st.watch(e.ID)
		}
	}
	st.mu.Unlock()
	for _, run := range t.after {
		run()
	}
	return nil
}

// view runs read under the shared lock.
func (s *Server) view(req *request, read func(*tx) error) error {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	return read(&tx{
		store:  s.store,
		server: s,
		stamp:  s.store.now().Unix(),
		req:    req,
	})
}

// watch keeps the set of open sessions, so that expiring them does not scan all sessions.
func (st *store) watch(id string) {
	if row := st.sessions.rows[id]; row.Status == "open" {
		st.open[id] = row.ExpiresAt
	} else {
		delete(st.open, id)
	}
}

// expireDue closes the expired sessions and emits their events.
func (s *Server) expireDue() error {
	st := s.store
	st.mu.RLock()
	now, due := st.now().Unix(), false
	for _, at := range st.open {
		due = due || at <= now
	}
	st.mu.RUnlock()
	if !due {
		return nil
	}
	return s.update(nil, func(t *tx) error {
		for _, id := range slices.Sorted(maps.Keys(t.open)) {
			if t.open[id] > t.stamp {
				continue
			}
			if _, err := t.expireSession(t.sessions.rows[id]); err != nil {
				return err
			}
		}
		return nil
	})
}
