package paging

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
)

// KeyType is the SQL type of a key of an order.
type KeyType string

// The types of keys.
const (
	Time KeyType = "timestamptz"
	Text KeyType = "text"
	Int  KeyType = "int"
)

// text is the expression of a key as text, which valid accepts.
func (t KeyType) text(key string) string {
	if t == Time {
		return `to_char(` + key + ` AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
	}
	return key + `::text`
}

func (t KeyType) valid(s string) bool {
	var err error
	switch t {
	case Time:
		_, err = time.Parse(time.RFC3339Nano, s)
	case Int:
		_, err = strconv.ParseInt(s, 10, 32)
	case Text:
		return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
	}
	return err == nil
}

// cursor is the place behind a row of a list, as clients carry it: base64 of JSON. Clients
// must not look into it.
type cursor struct {
	// Order is the order that the place belongs to.
	Order string `json:"o"`
	// Keys and ID are those of the row.
	Keys []string `json:"k"`
	ID   string   `json:"i"`
	// Number is the number of the page that begins there; Total what was counted before.
	Number int   `json:"n"`
	Total  int64 `json:"t"`
}

func (c cursor) encode() string {
	body, _ := json.Marshal(c) // strings and numbers always marshal
	return base64.RawURLEncoding.EncodeToString(body)
}

var errBadCursor = domain.BadFields(
	[]domain.Field{{Path: "cursor", Message: "must be a nextCursor of the same list in the same order"}})

// decodeCursor reads a cursor of an order.
func decodeCursor(s string, o Order) (c cursor, err error) {
	body, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(body, &c) != nil {
		return c, errBadCursor
	}
	_, err = uuid.Parse(c.ID)
	if err != nil || c.Order != o.name() || len(c.Keys) != len(o.Keys) || c.Number < 1 || c.Number >= math.MaxInt32 ||
		c.Total < 0 {
		return c, errBadCursor
	}
	for i, key := range o.Keys {
		if !key.Type.valid(c.Keys[i]) {
			return c, errBadCursor
		}
	}
	return c, nil
}
