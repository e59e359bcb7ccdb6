package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/codex-platform/codex/domain/postgres"
	"github.com/codex-platform/codex/events"
)

// DeadLetters is the table dead_letters, as an operator sees it.
type DeadLetters struct{ Pool *pgxpool.Pool }

// Letter is a stored dead letter.
type Letter struct {
	ID        string
	Consumer  string
	MessageID string
	Kind      LetterKind
	Type      string
	Headers   map[string][]string
	Body      []byte
	Error     string
	Attempts  int
	CreatedAt time.Time
	// RetryAt is when its consumer tries it again, nil unless that was requested.
	RetryAt *time.Time
	// ResolvedAt is nil while the letter is open.
	ResolvedAt *time.Time
	// Resolution is "retried" by an operator, "handled" when its message was sent again,
	// "discarded", or "" while the letter is open.
	Resolution string
}

// Why a letter is not changed.
var (
	ErrNoLetter       = errors.New("no such dead letter")
	ErrLetterResolved = errors.New("the dead letter is resolved")
	ErrHasOutcome     = errors.New("the command has its outcome: discard the letter")
	ErrOnlyForPeople  = errors.New("the letter has no message to try again: remove its cause, then discard it")
)

const selectLettersSQL = `
SELECT id::text, consumer, message_id,
       COALESCE(kind, CASE WHEN consumer LIKE 'reaction-%' THEN 'event' ELSE '' END), type,
       COALESCE(headers, '{}'), body, error, attempts, created_at, retry_at, resolved_at, COALESCE(resolution, '')
FROM dead_letters `

func scanLetter(row pgx.CollectableRow) (l Letter, err error) {
	err = row.Scan(
		&l.ID, &l.Consumer, &l.MessageID, &l.Kind, &l.Type, &l.Headers, &l.Body,
		&l.Error, &l.Attempts, &l.CreatedAt, &l.RetryAt, &l.ResolvedAt, &l.Resolution,
	)
	return l, err
}

// List returns the open letters, or all, the newest last.
func (d DeadLetters) List(ctx context.Context, all bool) ([]Letter, error) {
	return d.query(ctx, `WHERE resolved_at IS NULL OR $1 ORDER BY created_at, id`, all)
}

// Find returns a letter by its id or the beginning of it, if that names one letter only.
func (d DeadLetters) Find(ctx context.Context, id string) (Letter, error) {
	if id == "" {
		return Letter{}, ErrNoLetter
	}
	found, err := d.query(ctx, `WHERE starts_with(id::text, $1) LIMIT 2`, strings.ToLower(id))
	switch {
	case err != nil:
		return Letter{}, err
	case len(found) != 1:
		return Letter{}, ErrNoLetter
	}
	return found[0], nil
}

func (d DeadLetters) query(ctx context.Context, where string, args ...any) ([]Letter, error) {
	rows, err := d.Pool.Query(ctx, selectLettersSQL+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	letters, err := pgx.CollectRows(rows, scanLetter)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return letters, nil
}

// Retry has a letter's message tried again. A command is accepted again and its letter
// resolved, in one transaction; the sweeper publishes it until it has an outcome. Any other
// message is tried again by its consumer, which then resolves the letter.
func (d DeadLetters) Retry(ctx context.Context, l Letter) error {
	if l.ResolvedAt != nil {
		return ErrLetterResolved
	}
	if cmd, ok := l.Command(); ok {
		return pgx.BeginFunc(ctx, d.Pool, func(tx pgx.Tx) error {
			pending, err := Ledger{DB: tx}.Reopen(ctx, cmd)
			if err == nil && !pending {
				err = ErrHasOutcome
			}
			return err
		})
	}
	if l.Kind != LetterEvent && !retriedConsumers[l.Consumer] {
		return ErrOnlyForPeople
	}
	_, err := d.Pool.Exec(ctx, `UPDATE dead_letters SET retry_at = now() WHERE id = $1 AND resolved_at IS NULL`, l.ID)
	if err != nil {
		return fmt.Errorf("request a retry: %w", err)
	}
	return nil
}

// retriedConsumers are those that retry their letters and are no reactions: see
// [RetryLetters].
var retriedConsumers = map[string]bool{"webhooks": true, "refunds": true, "customer_erasures": true, "mails": true}

// Command returns the letter's command; ok is false for another message.
func (l Letter) Command() (cmd events.Command, ok bool) {
	if l.Kind == LetterEvent {
		return cmd, false
	}
	err := json.Unmarshal(l.Body, &cmd)
	return cmd, err == nil && cmd.ID == l.MessageID && cmd.Type != "" && cmd.Context() == l.Consumer
}

// Discard resolves a letter without another attempt. Its command stays rejected.
func (d DeadLetters) Discard(ctx context.Context, l Letter) error {
	if l.ResolvedAt != nil {
		return ErrLetterResolved
	}
	_, err := d.Pool.Exec(ctx, resolveLetterSQL, l.ID, "discarded")
	if err != nil {
		return fmt.Errorf("discard a dead letter: %w", err)
	}
	return nil
}

const resolveLetterSQL = `
UPDATE dead_letters SET resolved_at = now(), resolution = $2, retry_at = NULL WHERE id = $1 AND resolved_at IS NULL`

// retryVisibility is how long a letter that is tried again stays with its process.
const retryVisibility = time.Minute

// RetryLetters tries the letters of these consumers again that an operator requested, the
// oldest first, and resolves those that handle handles. An error that is final leaves its
// letter open and is stored there; after any other error the letter is tried again.
func RetryLetters(
	ctx context.Context, pool *pgxpool.Pool, consumers []string,
	handle func(ctx context.Context, l Letter) (final bool, err error),
) (retried int, err error) {
	rows, err := pool.Query(ctx, `
WITH due AS (
    UPDATE dead_letters SET retry_at = clock_timestamp() + $2
    WHERE id IN (SELECT id FROM dead_letters
                 WHERE resolved_at IS NULL AND retry_at <= clock_timestamp() AND consumer = ANY($1)
                 ORDER BY created_at LIMIT 100 FOR UPDATE SKIP LOCKED)
    RETURNING *)
`+strings.Replace(selectLettersSQL, "FROM dead_letters", "FROM due", 1)+`ORDER BY created_at`,
		consumers, retryVisibility)
	if err != nil {
		return 0, fmt.Errorf("find letters to retry: %w", err)
	}
	letters, err := pgx.CollectRows(rows, scanLetter)
	if err != nil {
		return 0, fmt.Errorf("find letters to retry: %w", err)
	}

	var failed error
	for _, l := range letters {
		final, err := handle(ctx, l)
		if err == nil {
			retried++
			_, err = pool.Exec(ctx, resolveLetterSQL, l.ID, "retried")
		} else {
			failed = errors.Join(failed, fmt.Errorf("retry dead letter %s: %w", l.ID, err))
			_, err = pool.Exec(ctx, `
UPDATE dead_letters SET error = left($2, 4000), attempts = attempts + 1,
       retry_at = CASE WHEN $3 THEN NULL ELSE clock_timestamp() + interval '5 seconds' END
WHERE id = $1 AND resolved_at IS NULL`, l.ID, err.Error(), final)
		}
		failed = errors.Join(failed, err)
	}
	return retried, failed
}

// resolveHandled resolves the letters of commands that were sent again and have their
// outcome now, and of events that their projections have handled.
func resolveHandled(ctx context.Context, db postgres.Execer) (int, error) {
	resolved := 0
	for _, sql := range []string{resolveCommandsSQL, resolveEventsSQL} {
		tag, err := db.Exec(ctx, sql)
		if err != nil {
			return resolved, fmt.Errorf("resolve dead letters: %w", err)
		}
		resolved += int(tag.RowsAffected())
	}
	return resolved, nil
}

const (
	resolveCommandsSQL = `
UPDATE dead_letters d SET resolved_at = now(), resolution = 'handled', retry_at = NULL
FROM commands c
WHERE d.resolved_at IS NULL AND d.kind = 'command'
  AND c.id = CASE WHEN d.kind = 'command' THEN d.message_id::uuid END
  AND c.status <> 'accepted' AND c.response_status < 500`
	resolveEventsSQL = `
UPDATE dead_letters d SET resolved_at = now(), resolution = 'handled', retry_at = NULL
FROM reaction_inbox i
WHERE d.resolved_at IS NULL AND d.kind = 'event'
  AND i.reaction = substr(d.consumer, length('reaction-') + 1)
  AND i.event_id = CASE WHEN d.message_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN d.message_id::uuid END`
)
