package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/postgres"
)

// list is a column with a JSON array, which is never null.
type list[T any] []T

// MarshalJSON implements json.Marshaler.
func (l *list[T]) MarshalJSON() ([]byte, error) {
	if len(*l) == 0 {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(*l))
}

// UnmarshalJSON implements json.Unmarshaler: an empty list is nil.
func (l *list[T]) UnmarshalJSON(text []byte) error {
	var read []T
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*l = nil
	if len(read) > 0 {
		*l = read
	}
	return nil
}

// QueueCaptions queues the write of the text of an item's captions in a language.
func QueueCaptions(b *pgx.Batch, mediaID, language, text string) {
	b.Queue(`INSERT INTO media_captions (media_item_id, language, text) VALUES ($1, $2, $3)
		ON CONFLICT (media_item_id, language) DO UPDATE SET text = excluded.text`, mediaID, language, text)
}

// QueueRemoveCaptions queues the removal of that text.
func QueueRemoveCaptions(b *pgx.Batch, mediaID, language string) {
	b.Queue(`DELETE FROM media_captions WHERE media_item_id = $1 AND language = $2`, mediaID, language)
}

// Captions returns the text of an item's captions in a language, as WebVTT. found is false
// without any.
func Captions(
	ctx context.Context, db postgres.RowQueryer, mediaID, language string,
) (text string, found bool, err error) {
	err = db.QueryRow(ctx, `SELECT text FROM media_captions WHERE media_item_id = $1 AND language = $2`,
		mediaID, language).Scan(&text)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("read captions: %w", err)
	}
	return text, true, nil
}
