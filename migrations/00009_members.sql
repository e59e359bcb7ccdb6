-- +goose Up

-- An invitation waits for the consent of who is invited, for a while. A membership
-- that a removed member gets again begins anew: joined_at is when the present one
-- began, created_at when the first did. Rows of older programs have neither.
ALTER TABLE organization_memberships
    ADD COLUMN joined_at             timestamptz,
    ADD COLUMN invited_at            timestamptz,
    ADD COLUMN invitation_expires_at timestamptz;
UPDATE organization_memberships SET joined_at = created_at WHERE status = 'active';
CREATE INDEX memberships_listed ON organization_memberships (organization_id, created_at, id);

-- worker_nonces: signed requests of other programs that were taken. A signature is
-- good for a few minutes and, when it changes something, once.
CREATE TABLE worker_nonces (
    nonce      text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX worker_nonces_over ON worker_nonces (expires_at);
