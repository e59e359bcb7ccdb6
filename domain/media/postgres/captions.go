package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/postgres"
)

// tracks is the column captions, which is never null.
type tracks []media.CaptionTrack

// MarshalJSON implements json.Marshaler.
func (t *tracks) MarshalJSON() ([]byte, error) {
	if len(*t) == 0 {
		return []byte("[]"), nil
	}
	return json.Marshal([]media.CaptionTrack(*t))
}

// UnmarshalJSON implements json.Unmarshaler: no captions are nil.
func (t *tracks) UnmarshalJSON(text []byte) error {
	var list []media.CaptionTrack
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*t = nil
	if len(list) > 0 {
		*t = list
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
