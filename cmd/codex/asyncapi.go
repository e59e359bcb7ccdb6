package main

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/edge/openapi"
)

type schemaCmd struct{}

// Run prints the event contract as an AsyncAPI 3 document.
func (schemaCmd) Run(a *app) error {
	document, err := asyncAPI()
	if err != nil {
		return err
	}
	_, err = a.out.Write(document)
	return err
}

// asyncAPI generates the AsyncAPI document from the registry of package events: one
// channel and one message per event type, the payloads as JSON Schema. It is kept in
// events/asyncapi.json, and a test says when that is not current.
func asyncAPI() ([]byte, error) {
	channels, operations, messages := map[string]any{}, map[string]any{}, map[string]any{}
	tenant := map[string]any{"description": "the organization's, the creator's or the user's id"}
	for _, entry := range events.Registry() {
		schema, err := payloadSchema(entry)
		if err != nil {
			return nil, err
		}
		messages[entry.Type] = map[string]any{
			"name":        entry.Type,
			"summary":     entry.Doc,
			"contentType": "application/json",
			"headers":     map[string]any{"$ref": "#/components/schemas/envelope"},
			"payload":     schema,
		}
		ref := map[string]any{"$ref": "#/components/messages/" + entry.Type}
		channels[entry.Type] = map[string]any{
			"address":    "codex.events.{tenant}." + events.SubjectFor(entry.Type)[len("codex.events.*."):],
			"parameters": map[string]any{"tenant": tenant},
			"messages":   map[string]any{entry.Type: ref},
		}
		operations[entry.Type] = map[string]any{
			"action": "send", "channel": map[string]any{"$ref": "#/channels/" + entry.Type},
		}
	}
	document, err := json.MarshalIndent(map[string]any{
		"asyncapi": "3.0.0",
		"info": map[string]any{
			"title":   "Codex events",
			"version": edge.Version,
			"description": "Facts, as CloudEvents 1.0 in binary mode over NATS: attributes in headers, data in the " +
				"body. At least once; remember ce-id to count a fact once. ce-aggregateversion is dense within one " +
				"ce-subject.",
		},
		"channels":   channels,
		"operations": operations,
		"components": map[string]any{
			"messages": messages,
			"schemas":  map[string]any{"envelope": envelopeSchema()},
		},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("generate the event contract: %w", err)
	}
	return append(document, '\n'), nil
}

// payloadSchema describes an event's data; consumers must accept further fields.
func payloadSchema(entry events.Entry) (*openapi.Schema, error) {
	schemas := &openapi.Schemas{}
	schema := *schemas.Resolve(schemas.Response(reflect.TypeOf(entry.New()).Elem()))
	if len(schemas.Named) != 1 {
		return nil, fmt.Errorf("event %s: its data is not flat", entry.Type)
	}
	schema.ID = entry.SchemaURI()
	return &schema, nil
}

// envelopeSchema describes the headers of every event.
func envelopeSchema() map[string]any {
	text := func(description string) map[string]any {
		return map[string]any{"type": "string", "description": description}
	}
	return map[string]any{
		"type": "object",
		"required": []string{
			events.HeaderSpecVersion, events.HeaderID, events.HeaderType, events.HeaderSource, events.HeaderTime,
			events.HeaderSubject, events.HeaderTenant, events.HeaderVersion,
		},
		"properties": map[string]any{
			events.HeaderSpecVersion:   map[string]any{"const": "1.0"},
			events.HeaderID:            text("UUIDv7, the same on every delivery"),
			events.HeaderType:          text("the event type"),
			events.HeaderSource:        map[string]any{"const": events.Source},
			events.HeaderTime:          map[string]any{"type": "string", "format": "date-time"},
			events.HeaderSubject:       text("the aggregate's id"),
			events.HeaderDataSchema:    text("names the payload's schema and its major version"),
			events.HeaderTenant:        text("the tenant, as in the subject"),
			events.HeaderVersion:       text("the aggregate's version, from 1, dense, in decimal"),
			events.HeaderCausationID:   text("the command or event that led to this one"),
			events.HeaderCorrelationID: text("shared by everything that one request set in motion"),
			events.HeaderActorID:       text("the user, or the machine, that asked for it"),
			events.HeaderTraceParent:   text("W3C trace context, when tracing is on"),
		},
	}
}
