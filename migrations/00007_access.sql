-- +goose Up

-- source_version: the highest version of the source's events (of the purchase) that
-- had an effect on the grant; an older one that arrives later is ignored.
-- source_ended: a full refund or a lost dispute, which nothing can take back.
ALTER TABLE content_access ADD COLUMN source_version bigint NOT NULL DEFAULT 0;
ALTER TABLE content_access ADD COLUMN source_ended bool NOT NULL DEFAULT false;
