package events

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// Command requests a change of one aggregate. It is what the edge publishes and what a
// consumer applies, once per ID.
type Command struct {
	// ID is a UUID: v5 of (actor, Idempotency-Key) when the client sent a key,
	// otherwise a fresh v7.
	ID string `json:"id"`
	// Type is "<context>.<imperative>", for example "content.publish".
	Type string `json:"type"`
	// ActorID is the user on whose behalf it is sent, or the name of a machine.
	// Rights are never carried along: the consumer looks them up when it applies.
	ActorID string `json:"actor"`
	// AggregateID names the aggregate; for a creation, the id it will have.
	AggregateID string `json:"aggregate"`
	// Target is what the client addressed, as method and path of its request; empty for
	// commands without a request. It distinguishes equal payloads for two resources.
	Target string `json:"target,omitempty"`
	// Payload is the JSON of the context's command struct.
	Payload json.RawMessage `json:"payload"`
	// IssuedAt is when the edge accepted the request, UTC.
	IssuedAt time.Time `json:"issued_at"`
	// CorrelationID is the request's id.
	CorrelationID string `json:"correlation,omitempty"`
	// TraceParent is the W3C trace context of the request.
	TraceParent string `json:"traceparent,omitempty"`
	// ReplyTo is the edge that waits for the outcome; empty when none does.
	ReplyTo string `json:"reply_to,omitempty"`
}

// Context returns the bounded context the command belongs to: the part of its
// type before the first dot.
func (c Command) Context() string {
	context, _, _ := strings.Cut(c.Type, ".")
	return context
}

// PayloadHash identifies the request, apart from its actor and its time: the
// SHA-256 of type, target and payload, in hex. One idempotency key must always come
// with the same hash.
func (c Command) PayloadHash() string {
	h := sha256.New()
	h.Write([]byte(c.Type))
	h.Write([]byte{0})
	if c.Target != "" {
		h.Write([]byte(c.Target))
		h.Write([]byte{0})
	}
	h.Write(c.Payload)
	return hex.EncodeToString(h.Sum(nil))
}

// Reply is the outcome of one command, as the waiting edge gets it.
type Reply struct {
	// CommandID names the command.
	CommandID string `json:"id"`
	// Status is the HTTP status the outcome maps to.
	Status int `json:"status"`
	// Body is the response's body: a representation, or an error envelope. Empty for 204.
	Body json.RawMessage `json:"body,omitempty"`
	// ResourceID says that the body shows a resource, which the edge reads when Body is empty:
	// the response is given again, and only to a user who may see the resource now.
	ResourceID string `json:"resource,omitempty"`
	// Awaits is how many events of the command a projection will handle whose effect the
	// edge should wait for before it responds; usually 0. It is for the edge, not for clients.
	Awaits int `json:"awaits,omitempty"`
	// PayloadHash is the hash of the command that was applied under this id. When
	// it differs from the waiting command's, the key was used for something else.
	PayloadHash string `json:"hash"`
}
