package edge

import (
	"encoding/json"
	"time"

	"github.com/codex-platform/codex/handlers/paging"
)

// Single is the envelope of one resource: {"data": …}.
type Single struct {
	Data any `json:"data"`
}

// List is the envelope of many: {"items": […], "pagination": {…}}.
type List[T any] struct {
	Items      []T        `json:"items"`
	Pagination Pagination `json:"pagination"`
}

// Pagination says where in the whole a list is.
type Pagination struct {
	Page       int   `json:"page"`
	Limit      int   `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
	// NextCursor is the parameter cursor of the next page; null when there is none.
	NextCursor *string `json:"nextCursor"`
}

// Page returns one page as a list. A nil slice becomes an empty array.
func Page[T any](items []T, page, limit int, total int64) List[T] {
	if items == nil {
		items = []T{}
	}
	return List[T]{Items: items, Pagination: Pagination{
		Page: page, Limit: limit, Total: total, TotalPages: (total + int64(limit) - 1) / int64(limit),
	}}
}

// PageOf returns a page that was found as a list.
func PageOf[T any](items []T, found paging.Found) List[T] {
	list := Page(items, found.Number, found.Limit, found.Total)
	list.Pagination.NextCursor = found.Next
	return list
}

// Accepted says that a command is kept and will be applied.
type Accepted struct {
	ID     string `json:"id" jsonschema:"format=uuid"`
	Status string `json:"status" jsonschema:"enum=accepted"`
}

// Operation is what became of a command.
type Operation struct {
	ID         string     `json:"id" jsonschema:"format=uuid"`
	Type       string     `json:"type" jsonschema:"example=content.publish"`
	Status     string     `json:"status" jsonschema:"enum=applied,enum=rejected,enum=accepted"`
	CreatedAt  time.Time  `json:"createdAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	// Response is what the request would have been answered with, once it is known.
	Response *OperationResponse `json:"response,omitempty"`
}

// OperationResponse is the answer to a command.
type OperationResponse struct {
	Status int             `json:"status" jsonschema:"example=200"`
	Body   json.RawMessage `json:"body"`
}

// Health says whether the service can do its work.
type Health struct {
	Status    string    `json:"status" jsonschema:"enum=healthy,enum=unhealthy"`
	Service   string    `json:"service" jsonschema:"example=codex"`
	Version   string    `json:"version" jsonschema:"example=0.1.0"`
	Timestamp time.Time `json:"timestamp"`
	// Checks are ok or unreachable, by the part that was asked: database, bus, storage.
	Checks map[string]string `json:"checks"`
}

// Service is what a service says of itself at /.
type Service struct {
	Service     string `json:"service"`
	Version     string `json:"version"`
	Status      string `json:"status"`
	Description string `json:"description"`
}
