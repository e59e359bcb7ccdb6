package wire

import (
	"encoding/json"
	"time"
)

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
