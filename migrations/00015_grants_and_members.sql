-- +goose Up

-- source_event_id: the event that put the grant into its state; null for one that no
-- event made. Until now it was looked up in the outbox, which forgets.
ALTER TABLE content_access ADD COLUMN source_event_id uuid;

-- Nothing that a library shows changes.
ALTER TABLE content_access DISABLE TRIGGER library_changed;
-- What caused the grant's own last event, or, for a grant that never announced anything,
-- the last of its source's events that had an effect.
UPDATE content_access a SET source_event_id = o.causation_id::uuid
FROM outbox o WHERE o.aggregate_id = a.id::text AND o.version = a.version 
    AND o.causation_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
UPDATE content_access a SET source_event_id = o.event_id
FROM outbox o WHERE o.aggregate_id = a.source_id AND o.version = a.source_version AND a.source_event_id IS NULL;
ALTER TABLE content_access ENABLE TRIGGER library_changed;

-- The public lists of an organization's members: who may do most first, then who joined
-- first.
CREATE INDEX memberships_public ON organization_memberships (organization_id,
    array_position(ARRAY['owner', 'admin', 'creator', 'subscriber', 'member'], role::text), COALESCE(joined_at, created_at), id)
    INCLUDE (role, joined_at, created_at) WHERE status = 'active';
