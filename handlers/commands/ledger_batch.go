package commands

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/codex-platform/codex/events"
)

// queueFind queues the read, with a lock, of the records that commands have already.
func queueFind(b *pgx.Batch, cmds []events.Command, found map[string]Record) {
	ids := make([]string, len(cmds))
	for i, cmd := range cmds {
		ids[i] = cmd.ID
	}
	b.Queue(findSQL+" ORDER BY id FOR UPDATE", ids).Query(func(rows pgx.Rows) error {
		records, err := pgx.CollectRows(rows, scanRecord)
		for _, rec := range records {
			found[rec.ID] = rec
		}
		return err
	})
}

// outcomes collects the ledger's rows of one batch. Commands that had no row are
// inserted, and the insert fails when another transaction was quicker; those that were
// accepted are updated, under the lock that the load took.
type outcomes struct {
	inserts, updates columns
}

type columns struct {
	ids, actors, types, hashes, statuses, bodies, resources []string
	codes                                                   []int32
	created, finished                                       []time.Time
}

func (o *outcomes) add(cmd events.Command, reply events.Reply, accepted bool, now time.Time) {
	to := &o.inserts
	if accepted {
		to = &o.updates
	}
	to.ids = append(to.ids, cmd.ID)
	to.actors = append(to.actors, cmd.ActorID)
	to.types = append(to.types, cmd.Type)
	to.hashes = append(to.hashes, reply.PayloadHash)
	to.statuses = append(to.statuses, string(statusOf(reply.Status)))
	to.codes = append(to.codes, int32(reply.Status))
	to.bodies = append(to.bodies, storedBody(reply))
	to.resources = append(to.resources, reply.ResourceID)
	to.created = append(to.created, cmd.IssuedAt)
	to.finished = append(to.finished, now)
}

const (
	insertOutcomesSQL = `
INSERT INTO commands (id, actor_id, type, payload_hash, status, response_status, response_body, created_at, finished_at,
                      resource_id)
SELECT id, actor, type, hash, status, code, NULLIF(body, '')::json, created, finished, NULLIF(resource, '')
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[],
            $8::timestamptz[], $9::timestamptz[], $10::text[])
     AS c (id, actor, type, hash, status, code, body, created, finished, resource)`
	updateOutcomesSQL = `
UPDATE commands t SET status = c.status, response_status = c.code, response_body = NULLIF(c.body, '')::json,
       resource_id = NULLIF(c.resource, ''), finished_at = c.finished, envelope = NULL, due_at = NULL,
       provisional = NULL
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::text[])
     AS c (id, status, code, body, finished, resource)
WHERE t.id = c.id AND (t.status = 'accepted' OR t.response_status >= 500)`
)

func (o *outcomes) queue(b *pgx.Batch) {
	if n := &o.inserts; len(n.ids) > 0 {
		b.Queue(insertOutcomesSQL,
			n.ids, n.actors, n.types, n.hashes, n.statuses, n.codes, n.bodies, n.created, n.finished, n.resources)
	}
	if u := &o.updates; len(u.ids) > 0 {
		b.Queue(updateOutcomesSQL, u.ids, u.statuses, u.codes, u.bodies, u.finished, u.resources)
	}
}

// QueueAccept queues the write of accepted commands that have no row yet, in one statement;
// one that has a row keeps it. The rows are written in the order of cmds: sort them by id, so
// that two transactions do not deadlock.
func QueueAccept(b *pgx.Batch, cmds []events.Command) error {
	var c columns
	envelopes := make([]string, 0, len(cmds))
	for _, cmd := range cmds {
		envelope, err := envelopeOf(cmd)
		if err != nil {
			return err
		}
		c.ids = append(c.ids, cmd.ID)
		c.actors = append(c.actors, cmd.ActorID)
		c.types = append(c.types, cmd.Type)
		c.hashes = append(c.hashes, cmd.PayloadHash())
		envelopes = append(envelopes, envelope)
		c.created = append(c.created, cmd.IssuedAt)
	}
	b.Queue(`
INSERT INTO commands (id, actor_id, type, payload_hash, status, envelope, created_at)
SELECT id, actor, type, hash, 'accepted', envelope::json, created
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
     AS c (id, actor, type, hash, envelope, created)
ON CONFLICT (id) DO NOTHING`, c.ids, c.actors, c.types, c.hashes, envelopes, c.created)
	return nil
}
