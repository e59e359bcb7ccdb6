package handlertest

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/access/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/outbox"
)

// Exec changes the database.
func (w *Harness) Exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.Pool.Exec(context.Background(), sql, args...); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

// Value reads one value from the database.
func Value[T any](w *Harness, sql string, args ...any) (v T) {
	w.Helper()
	if err := w.Pool.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
	return v
}

// Number reads one number from the database.
func (w *Harness) Number(sql string, args ...any) int { w.Helper(); return Value[int](w, sql, args...) }

// Eventually waits until a query gives the wanted number.
func (w *Harness) Eventually(want int, sql string, args ...any) {
	w.Helper()
	deadline := time.Now().Add(Within)
	for got := w.Number(sql, args...); got != want; got = w.Number(sql, args...) {
		w.pause(deadline, "%s is %d, want %d", sql, got, want)
	}
}

// Until waits for a condition; what says it in words.
func (w *Harness) Until(what string, ok func() bool) {
	w.Helper()
	for deadline := time.Now().Add(Within); !ok(); {
		w.pause(deadline, "never: %s", what)
	}
}

// pause waits between two inspections of a condition, until the deadline.
func (w *Harness) pause(deadline time.Time, format string, args ...any) {
	w.Helper()
	if time.Now().After(deadline) {
		w.Fatalf(format, args...)
	}
	select {
	case <-w.Context().Done():
		w.Fatal(w.Context().Err())
	case <-time.After(10 * time.Millisecond):
	}
}

// FlatID is a new id as users have them, without dashes.
func FlatID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

// User makes a user with a platform role and a session. The id is also the token of
// the session, and the name before the @ of the address.
func (w *Harness) User(role string) (id string) {
	w.Helper()
	id = FlatID()
	w.Exec(`INSERT INTO users (id, name, email, email_verified, role)
		VALUES ($1, 'Test', $1 || '@example.test', true, $2)`, id, role)
	w.addSession(id, id)
	return id
}

// Session makes another session of a user and returns its token, which is its id too.
func (w *Harness) Session(user string) (token string) {
	w.Helper()
	token = uuid.NewString()
	w.addSession(token, user)
	return token
}

func (w *Harness) addSession(token, user string) {
	w.Helper()
	hash := sha256.Sum256([]byte(token))
	w.Exec(`INSERT INTO sessions (id, token_hash, user_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')`,
		token, hash[:], user)
}

// Organization makes an organization without members.
func (w *Harness) Organization() (id string) {
	w.Helper()
	id = uuid.NewString()
	w.Exec(`INSERT INTO organizations (id, name, slug) VALUES ($1, 'Test', $2)`, id, "o-"+id)
	return id
}

// Join makes a user what it is to be in an organization.
func (w *Harness) Join(organization, user, role, status string) {
	w.Helper()
	w.Exec(`INSERT INTO organization_memberships (organization_id, user_id, role, status) VALUES ($1, $2, $3, $4)
		ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role, status = excluded.status`,
		organization, user, role, status)
}

// ForSale is a published content item at a price in cents: a video with media, without
// it something written.
type ForSale struct {
	// Creator owns it. Organization and Media are ids, "" for none.
	Creator, Organization, Media string
	Price                        int
}

// Publish puts an item up for sale and returns its id.
func (w *Harness) Publish(f ForSale) (id string) {
	w.Helper()
	id = uuid.NewString()
	w.Exec(`INSERT INTO content (id, creator_id, organization_id, media_item_id, title, slug, content_type, access_type,
			price_cents, status, published_at)
		VALUES ($1, $2, NULLIF($3, '')::uuid, NULLIF($4, '')::uuid, 'A piece', $5,
			CASE WHEN $4 = '' THEN 'written' ELSE 'video' END, 'paid', $6, 'published', now())`,
		id, f.Creator, f.Organization, f.Media, "p-"+id, f.Price)
	w.Exec(`INSERT INTO content_stats (content_id, creator_id, organization_id, content_type, access_type, status,
			published_at, deleted_at)
		SELECT id, creator_id, organization_id, content_type, access_type, status, published_at, deleted_at
		FROM content WHERE id = $1`, id)
	return id
}

// RefreshLibraries derives all library entries anew, after a test has changed grants,
// playbacks or items with SQL.
func (w *Harness) RefreshLibraries() {
	w.Helper()
	rows, err := w.Pool.Query(context.Background(), `SELECT user_id, content_id FROM content_access
		UNION SELECT user_id, content_id FROM video_playback UNION SELECT user_id, content_id FROM library_entries`)
	if err != nil {
		w.Fatal(err)
	}
	pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[postgres.Question])
	if err != nil {
		w.Fatal(err)
	}
	err = pgx.BeginFunc(context.Background(), w.Pool, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		postgres.QueueRefreshLibrary(b, pairs)
		return tx.SendBatch(context.Background(), b).Close()
	})
	if err != nil {
		w.Fatal(err)
	}
}

// Event makes an event of an aggregate.
func (w *Harness) Event(tenant, aggregate string, version int64, payload events.Payload) events.Event {
	w.Helper()
	return Must(events.Fact{
		Tenant:      tenant,
		AggregateID: aggregate,
		Version:     version,
		Payload:     payload,
	}.
		Event(uuid.Must(uuid.NewV7()).String(), events.Cause{ID: uuid.NewString(), ActorID: "test", At: time.Now()}))(w)
}

// Tell appends an event to the outbox; the relay and the reactions do the rest.
func (w *Harness) Tell(e events.Event) {
	w.Helper()
	err := pgx.BeginFunc(context.Background(), w.Pool, func(tx pgx.Tx) error {
		return outbox.Append(context.Background(), tx, e)
	})
	if err != nil {
		w.Fatal(err)
	}
}
