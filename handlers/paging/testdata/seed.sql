-- Rows in any number for the lists: @rows purchases and grants, @items content items,
-- media items and members. The heavy ones (a customer, a creator, an organization, a
-- member of it) have the first @heavy of each, the others share the rest; @others is
-- how many others there are. Everything is spread over two years, each owner's rows
-- evenly. Foreign keys are not checked while rows are copied in; indexes and the entries of
-- libraries are made afterwards.

SET maintenance_work_mem = '256MB';
SET work_mem = '128MB';
CREATE TEMPORARY TABLE built AS
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid) AND i.indrelid = ANY(ARRAY['purchases', 'content', 'media_items', 'organization_memberships',
    'content_access', 'video_playback', 'library_entries', 'content_stats']::regclass[]);
DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM built LOOP EXECUTE 'DROP INDEX ' || i.name; END LOOP; END $$;

ALTER TABLE purchases DISABLE TRIGGER ALL;
ALTER TABLE content DISABLE TRIGGER ALL;
ALTER TABLE media_items DISABLE TRIGGER ALL;
ALTER TABLE organization_memberships DISABLE TRIGGER ALL;
ALTER TABLE content_access DISABLE TRIGGER ALL;
ALTER TABLE video_playback DISABLE TRIGGER ALL;
ALTER TABLE library_entries DISABLE TRIGGER ALL;
ALTER TABLE content_stats DISABLE TRIGGER ALL;
CREATE FUNCTION pg_temp.id(kind text, i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
    AS $$ SELECT (lpad(to_hex(ascii(kind)), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid $$;

INSERT INTO users (id, name, email, email_verified, role, username)
SELECT id, 'A person', id || '@example.test', true, role, id
FROM (VALUES ('customer', 'customer'), ('creator', 'creator'), ('member', 'customer')) v (id, role)
UNION ALL
SELECT 'other' || i, 'Another', 'other' || i || '@example.test', true, 'creator', 'other' || i FROM generate_series(1, @others) i;

INSERT INTO organizations (id, name, slug, created_at)
SELECT pg_temp.id('organization', i), 'Organization ' || i, 'organization-' || i, timestamptz '2024-01-01 00:00Z' + i * interval '1 minute'
FROM generate_series(0, @others) i;

INSERT INTO organization_memberships (organization_id, user_id, role, status, created_at, joined_at)
SELECT pg_temp.id('organization', 0), id, role, 'active', '2024-01-01 00:00Z', '2024-01-01 00:00Z'
FROM (VALUES ('creator', 'owner'), ('member', 'member')) v (id, role);
-- The heavy organization has many members; the heavy creator belongs to some hundreds.
INSERT INTO organization_memberships (organization_id, user_id, role, status, created_at, joined_at)
SELECT pg_temp.id('organization', 0), 'other' || i, CASE i % 50 WHEN 0 THEN 'creator' ELSE 'member' END,
       CASE i % 10 WHEN 0 THEN 'inactive' ELSE 'active' END, at, at
FROM generate_series(1, LEAST(@heavy, @others)) i,
LATERAL (SELECT timestamptz '2024-01-01 00:00Z' + i * (interval '730 days' / LEAST(@heavy, @others)) AS at) t
UNION ALL
SELECT pg_temp.id('organization', i), 'creator', 'member', 'active', '2024-06-01 00:00Z', '2024-06-01 00:00Z' FROM generate_series(1, 500) i;

INSERT INTO media_items (id, creator_id, title, media_type, mime_type, file_size_bytes, r2_key, status, hls_master_playlist_key,
    duration_seconds, uploaded_at, created_at, updated_at)
SELECT pg_temp.id('media', i), CASE WHEN i <= @heavy THEN 'creator' ELSE 'other' || (1 + i % @others) END, 'Take ' || md5('take' || i),
       CASE i % 3 WHEN 0 THEN 'audio' ELSE 'video' END, 'video/mp4', 1000000 + i, 'originals/' || i, CASE i % 20 WHEN 0 THEN 'failed' ELSE 'ready' END,
       'hls/' || i || '/master.m3u8', 60 + i % 5000, CASE WHEN i % 20 > 0 THEN at END, at, at
FROM generate_series(1, @items::bigint) i,
LATERAL (SELECT timestamptz '2024-01-01 00:00Z' + (i % @heavy) * (interval '730 days' / @heavy) + (i / @heavy) * interval '1 second' AS at) t;

INSERT INTO content (id, creator_id, organization_id, media_item_id, title, slug, description, content_type, content_body, category, category_slug, access_type,
    price_cents, status, published_at, created_at, updated_at)
SELECT pg_temp.id('content', i), CASE WHEN i <= @heavy THEN 'creator' ELSE 'other' || (1 + i % @others) END,
       CASE WHEN i <= @heavy THEN pg_temp.id('organization', 0) WHEN i % 2 = 0 THEN pg_temp.id('organization', (1 + i % @others)) END,
       CASE WHEN i % 3 < 2 THEN pg_temp.id('media', i) END, 'Piece ' || md5('piece' || i), 'piece-' || i,
       'What piece ' || i || ' is about, in a sentence or two that somebody wrote with care and others may search.',
       CASE i % 3 WHEN 0 THEN 'video' WHEN 1 THEN 'audio' ELSE 'written' END, CASE WHEN i % 3 = 2 THEN repeat('Some words to read. ', 10) END,
       'category-' || i % 7, 'category-' || i % 7, CASE WHEN i % 40 = 0 THEN 'members' WHEN i % 4 = 0 THEN 'free' ELSE 'paid' END, CASE WHEN i % 4 > 0 THEN 999 END,
       CASE WHEN i % 400 = 7 THEN 'draft' ELSE 'published' END, CASE WHEN i % 400 <> 7 THEN at END, at,
       at + (i * 31 % 997) * interval '1 hour'
FROM generate_series(1, @items::bigint) i,
LATERAL (SELECT timestamptz '2024-01-01 00:00Z' + (i % @heavy) * (interval '730 days' / @heavy) + (i / @heavy) * interval '1 second' AS at) t;

INSERT INTO purchases (id, customer_id, content_id, organization_id, amount_paid_cents, platform_fee_cents, organization_fee_cents, creator_payout_cents,
    stripe_payment_intent_id, status, purchased_at, created_at, updated_at)
SELECT pg_temp.id('purchase', i), CASE WHEN i <= @heavy THEN 'customer' ELSE 'other' || (1 + i % @others) END,
       pg_temp.id('content', (CASE WHEN i <= @heavy THEN i ELSE 1 + (i / @others * 7919 + i) % @items END)), NULL, 999, 99, 0, 900, 'pi_' || lpad(i::text, 12, '0'),
       CASE WHEN i % 25 = 0 THEN 'refunded' WHEN i > @heavy AND i / @others % 2 = 0 THEN 'refunded' ELSE 'completed' END, at, at, at
FROM generate_series(1, @rows::bigint) i,
LATERAL (SELECT timestamptz '2024-01-01 00:00Z' + (i % @heavy) * (interval '730 days' / @heavy) + (i / @heavy) * interval '1 second' AS at) t
;

INSERT INTO content_access (id, user_id, content_id, access_type, source_id, deleted_at, created_at)
SELECT pg_temp.id('grant', row_number() OVER (ORDER BY customer_id, content_id)), customer_id, content_id, 'purchased', id::text,
       CASE WHEN status = 'refunded' THEN created_at END, created_at
FROM purchases ORDER BY customer_id, content_id;

INSERT INTO video_playback (user_id, content_id, position_seconds, duration_seconds, completed, created_at, updated_at)
SELECT customer_id, content_id, 10, 60, i % 2 = 0, created_at, created_at + interval '3 days'
FROM (SELECT DISTINCT ON (customer_id, content_id) *, row_number() OVER () AS i FROM purchases WHERE status = 'completed') p WHERE i % 3 = 0;
INSERT INTO video_playback (user_id, content_id, position_seconds, duration_seconds, created_at, updated_at)
SELECT 'member', pg_temp.id('content', i * 3), 10, 60, at, at
FROM generate_series(1, 100) i, LATERAL (SELECT timestamptz '2025-06-01 00:00Z' + i * interval '1 hour' AS at) t;

INSERT INTO content_stats (content_id, view_count, purchase_count, creator_id, organization_id, content_type, access_type, status, published_at)
SELECT id, i * 7919 % 10007, i * 104729 % 997, creator_id, organization_id, content_type, access_type, status, published_at
FROM generate_series(1, @items::bigint) i JOIN content ON id = pg_temp.id('content', i);

-- As package domain/access/postgres derives them.
INSERT INTO library_entries (user_id, content_id, granted, recent, progress, organization_id, title, seconds, content_type, access_type)
SELECT f.user_id, f.content_id, f.granted, GREATEST(f.at, CASE WHEN NOT f.granted THEN c.published_at END), f.progress,
       c.organization_id, c.title, COALESCE(i.duration_seconds, 0), c.content_type, CASE WHEN c.status = 'published' THEN c.access_type END
FROM (
    SELECT user_id, content_id, bool_or(granted) AS granted, max(at) AS at, COALESCE(max(progress), 'not_started') AS progress FROM (
        SELECT user_id, content_id, true AS granted, created_at AS at, NULL AS progress FROM content_access WHERE deleted_at IS NULL
        UNION ALL
        SELECT user_id, content_id, false, updated_at, CASE WHEN completed THEN 'completed' ELSE 'in_progress' END FROM video_playback
    ) facts GROUP BY user_id, content_id
) f JOIN content c ON c.id = f.content_id LEFT JOIN media_items i ON i.id = c.media_item_id AND i.deleted_at IS NULL;

ALTER TABLE purchases ENABLE TRIGGER ALL;
ALTER TABLE content ENABLE TRIGGER ALL;
ALTER TABLE media_items ENABLE TRIGGER ALL;
ALTER TABLE organization_memberships ENABLE TRIGGER ALL;
ALTER TABLE content_access ENABLE TRIGGER ALL;
ALTER TABLE video_playback ENABLE TRIGGER ALL;
ALTER TABLE library_entries ENABLE TRIGGER ALL;
ALTER TABLE content_stats ENABLE TRIGGER ALL;

DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM built LOOP EXECUTE i.definition; END LOOP; END $$;
VACUUM ANALYZE;
