package edge

import (
	"encoding/json"
	"fmt"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
)

// Resource reads again what the responses to some commands show. Such a response is not
// stored: a request that repeats an Idempotency-Key, and the operation of the command, get the
// resource as it is then, or the error of a user who may no longer see it.
type Resource struct {
	// Commands are those whose responses it reads.
	Commands []string
	// Read returns the body of the response, envelope included. The id is that of
	// [commands.Outcome.Of]. It checks what the caller may see, as the routes that read the
	// resource do.
	Read func(r *Request, id string) (any, error)
}

// resourcesOf returns the resource of each command. It fails when a command has two.
func resourcesOf(list []Resource) (map[string]Resource, error) {
	byCommand := map[string]Resource{}
	for _, resource := range list {
		for _, command := range resource.Commands {
			if _, twice := byCommand[command]; twice {
				return nil, fmt.Errorf("the responses to the command %q are read by two resources", command)
			}
			byCommand[command] = resource
		}
	}
	return byCommand, nil
}

// WithBody returns a response with its body, which is read when the response shows a resource
// and comes from the ledger.
func (r *Request) WithBody(command string, reply events.Reply) (events.Reply, error) {
	if reply.ResourceID == "" || len(reply.Body) > 0 {
		return reply, nil
	}
	resource, known := r.edge.resources[command]
	if !known {
		return reply, fmt.Errorf("no module reads the responses to the command %q", command)
	}
	body, err := resource.Read(r, reply.ResourceID)
	if err != nil {
		return reply, err
	}
	if reply.Body, err = json.Marshal(body); err != nil {
		return reply, fmt.Errorf("marshal the response to %s: %w", command, err)
	}
	return reply, nil
}

// shown returns the response that a repeated request gets, errors included.
func (r *Request) shown(rec commands.Record) (*operationResponse, error) {
	reply, err := r.WithBody(rec.Type, rec.Reply())
	rejection, rejected := domain.AsError(err)
	if !rejected {
		return &operationResponse{Status: reply.Status, Body: reply.Body}, err
	}
	status, body := commands.ErrorResponse(rejection)
	data, err := json.Marshal(body)
	return &operationResponse{Status: status, Body: data}, err
}
