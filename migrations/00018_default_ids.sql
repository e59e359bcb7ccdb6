-- +goose Up

-- Every id has a default, for rows that are inserted by hand and by programs of operators.
ALTER TABLE commands ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE mails ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE organizations ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE media_items ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE media_uploads ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE orphan_cleanups ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE images ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE content ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE categories ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE checkouts ALTER COLUMN id SET DEFAULT gen_random_uuid();
ALTER TABLE purchases ALTER COLUMN id SET DEFAULT gen_random_uuid();
