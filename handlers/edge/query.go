package edge

import (
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/handlers/edge/strict"
)

// query reads query parameters and collects what is wrong with them.
type query struct {
	c    *gin.Context
	bad  []domain.Field
	seen map[string]bool
}

func newQuery(c *gin.Context) *query { return &query{c: c, seen: map[string]bool{}} }

// err returns the refusal of everything that was wrong. A parameter given twice is
// wrong whatever it says.
func (q *query) err() error {
	for name, values := range q.c.Request.URL.Query() {
		if q.seen[name] && len(values) > 1 {
			q.refuse(name, "must be given once")
		}
	}
	return domain.BadFields(q.bad)
}

func (q *query) refuse(name, message string) {
	q.bad = append(q.bad, domain.Field{Path: name, Message: message})
}

// text returns a parameter of at most limit characters.
func (q *query) text(name string, limit int) string {
	q.seen[name] = true
	v := q.c.Query(name)
	if message := strict.BadText(v); message != "" {
		q.refuse(name, message)
	}
	if len([]rune(v)) > limit {
		q.refuse(name, "must have at most "+strconv.Itoa(limit)+" characters")
	}
	return v
}

// oneOf returns a parameter that is one of allowed; absent is the first.
func (q *query) oneOf(name string, allowed ...string) string {
	q.seen[name] = true
	v := q.c.Query(name)
	if v == "" {
		return allowed[0]
	}
	for _, a := range allowed {
		if v == a {
			return v
		}
	}
	q.refuse(name, "is not one of the allowed values")
	return allowed[0]
}

// optional returns a parameter that is one of allowed, or "".
func (q *query) optional(name string, allowed ...string) string {
	return q.oneOf(name, append([]string{""}, allowed...)...)
}

// uuid returns a parameter that is a UUID, or "".
func (q *query) uuid(name string) string {
	q.seen[name] = true
	v := q.c.Query(name)
	if v == "" {
		return ""
	}
	id, err := uuid.Parse(v)
	if err != nil || len(v) != 36 {
		q.refuse(name, "must be a UUID")
		return ""
	}
	return id.String()
}

// integer returns a whole number between low and high; absent is fallback.
func (q *query) integer(name string, low, high, fallback int) int {
	q.seen[name] = true
	v := q.c.Query(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		q.refuse(name, "must be a whole number from "+strconv.Itoa(low)+" to "+strconv.Itoa(high))
		return fallback
	}
	return n
}

// paging returns page (1–1000, default 1) and limit (1–100, default 20).
func (q *query) paging() paging {
	return paging{
		page:  q.integer("page", 1, maxPage, 1),
		limit: q.integer("limit", 1, maxLimit, defaultLimit),
	}
}

// pathID returns the path's id, which must be a UUID.
func pathID(c *gin.Context) (string, error) {
	v := c.Param("id")
	id, err := uuid.Parse(v)
	if err != nil || len(v) != 36 {
		return "", domain.BadFields([]domain.Field{{Path: "id", Message: "must be a UUID"}})
	}
	return id.String(), nil
}

// changeContent serves a change that takes no input.
func (e *Edge) changeContent(typ string, payload any) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, err := pathID(c)
		if err == nil {
			err = noBody(c)
		}
		if err != nil {
			e.refuse(c, err)
			return
		}
		e.submit(c, typ, id, payload)
	}
}
