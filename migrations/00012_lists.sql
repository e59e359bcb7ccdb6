-- +goose Up

-- list_days counts the rows of lists per day, so that a page is found without
-- reading what comes before it: the days are added up to the one that the page
-- begins in, and only that day's rows are skipped. The sum is the list's total.
--
-- list and owner name a list of one user or organization; kind is the part of it that
-- a filter selects, with * for a filter that is not set. A day counts from 1970-01-01
-- UTC, of the time that the list is ordered by.
--
-- Triggers add rows (one per statement and day, positive or negative) in the
-- transaction of the change, and never update one: nobody waits for anybody, and every
-- snapshot sees counts that agree with its rows. list_days_fold adds them up later.
CREATE TABLE list_days (
    list   text NOT NULL,
    owner  text NOT NULL,
    kind   text NOT NULL,
    day    int  NOT NULL,
    n      int  NOT NULL,
    folded bool NOT NULL DEFAULT false
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
CREATE INDEX list_days_walk ON list_days (list, owner, kind, day) INCLUDE (n);
CREATE INDEX list_days_unfolded ON list_days (list) WHERE NOT folded;

-- list_days_fold merges up to most rows that were added since, and returns how many.
-- One session at a time does it.
-- +goose StatementBegin
CREATE FUNCTION list_days_fold(most int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    merged int;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('list_days_fold')) THEN
        RETURN 0;
    END IF;
    WITH fresh AS (
        SELECT ctid AS at, list, owner, kind, day FROM list_days WHERE NOT folded LIMIT most
    ), rows AS (
        SELECT at FROM fresh
        UNION
        SELECT d.ctid FROM (SELECT DISTINCT list, owner, kind, day FROM fresh) f
        JOIN list_days d USING (list, owner, kind, day) WHERE d.folded
    ), taken AS (
        DELETE FROM list_days WHERE ctid = ANY(ARRAY(SELECT at FROM rows)) RETURNING list, owner, kind, day, n, folded
    ), kept AS (
        INSERT INTO list_days (list, owner, kind, day, n, folded)
        SELECT list, owner, kind, day, sum(n), true FROM taken GROUP BY list, owner, kind, day HAVING sum(n) <> 0
    )
    SELECT count(*) INTO merged FROM taken WHERE NOT folded;
    RETURN merged;
END $$;

CREATE FUNCTION list_day(t timestamptz) RETURNS int LANGUAGE sql STABLE
    AS $$ SELECT floor(extract(epoch FROM t) / 86400)::int $$;

-- list_days_follow makes a table's changes arrive in list_days. entries is a query
-- over a row r of the table: the (list, owner, kind, day) that the row counts in. The
-- view list_days_of_<table> has them all: what list_days must add up to.
CREATE FUNCTION list_days_follow(followed text, entries text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($body$
        CREATE VIEW list_days_of_%1$s AS
            SELECT e.list, e.owner, e.kind, e.day FROM %1$s r CROSS JOIN LATERAL (%2$s) e (list, owner, kind, day);
        CREATE FUNCTION list_days_of_%1$s() RETURNS trigger LANGUAGE plpgsql AS $trigger$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                INSERT INTO list_days (list, owner, kind, day, n)
                SELECT e.list, e.owner, e.kind, e.day, count(*)
                FROM come r CROSS JOIN LATERAL (%2$s) e (list, owner, kind, day) GROUP BY 1, 2, 3, 4;
            ELSIF TG_OP = 'DELETE' THEN
                INSERT INTO list_days (list, owner, kind, day, n)
                SELECT e.list, e.owner, e.kind, e.day, -count(*)
                FROM gone r CROSS JOIN LATERAL (%2$s) e (list, owner, kind, day) GROUP BY 1, 2, 3, 4;
            ELSE
                INSERT INTO list_days (list, owner, kind, day, n)
                SELECT x.list, x.owner, x.kind, x.day, sum(x.sign) FROM (
                    SELECT e.list, e.owner, e.kind, e.day, 1 AS sign
                    FROM come r CROSS JOIN LATERAL (%2$s) e (list, owner, kind, day)
                    UNION ALL
                    SELECT e.list, e.owner, e.kind, e.day, -1
                    FROM gone r CROSS JOIN LATERAL (%2$s) e (list, owner, kind, day)
                ) x GROUP BY 1, 2, 3, 4 HAVING sum(x.sign) <> 0;
            END IF;
            RETURN NULL;
        END $trigger$;
        CREATE TRIGGER list_days_inserted AFTER INSERT ON %1$s REFERENCING NEW TABLE AS come
            FOR EACH STATEMENT EXECUTE FUNCTION list_days_of_%1$s();
        CREATE TRIGGER list_days_updated AFTER UPDATE ON %1$s REFERENCING OLD TABLE AS gone NEW TABLE AS come
            FOR EACH STATEMENT EXECUTE FUNCTION list_days_of_%1$s();
        CREATE TRIGGER list_days_deleted AFTER DELETE ON %1$s REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION list_days_of_%1$s();
        INSERT INTO list_days (list, owner, kind, day, n, folded)
        SELECT list, owner, kind, day, count(*), true FROM list_days_of_%1$s GROUP BY 1, 2, 3, 4;
    $body$, followed, entries);
END $$;
-- +goose StatementEnd

-- What users bought: kind is the status.
SELECT list_days_follow('purchases', $$
    SELECT 'purchases', r.customer_id, kind, list_day(r.created_at) FROM unnest(ARRAY['*', r.status]) kind $$);

-- What creators uploaded: kind is status/type.
SELECT list_days_follow('media_items', $$
    SELECT 'media', r.creator_id, a || '/' || b, list_day(r.created_at)
    FROM unnest(ARRAY['*', r.status]) a, unnest(ARRAY['*', r.media_type]) b
    WHERE r.deleted_at IS NULL $$);

-- category_slug is the category as addresses have it; null when there is none.
ALTER TABLE content ADD COLUMN category_slug varchar(120);
UPDATE content SET category_slug = left(NULLIF(trim(BOTH '-' FROM regexp_replace(lower(category), '[^[:alnum:]]+', '-', 'g')), ''), 120)
WHERE category IS NOT NULL;

-- The kinds of an item in a list: the combinations of the filters that are often set
-- together, and each of the others for itself.
CREATE FUNCTION content_kinds(status text, content_type text, access_type text, category text, organization uuid) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_remove(ARRAY['*/*', $1 || '/*', '*/' || $2, $1 || '/' || $2, 'access/' || $3, 'category/' || $4, 'organization/' || $5::text], NULL)
$$;
CREATE FUNCTION published_kinds(content_type text, category_slug text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_remove(ARRAY['*', $1, 'category/' || $2], NULL)
$$;
CREATE FUNCTION browse_kinds(content_type text, access_type text, category text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_remove(ARRAY['all/*', 'all/' || $1, 'all/access/' || $2, 'all/category/' || $3]
        || CASE WHEN $2 <> 'private' THEN ARRAY['open/*', 'open/' || $1, 'open/access/' || $2, 'open/category/' || $3] END, NULL)
$$;

-- 'content' is what creators made, kind is status/type. 'published' is the public
-- catalogue of an organization, and of everyone under the owner '': kind is the type.
-- 'made' is what a creator published there for everyone: owner is organization/creator.
-- 'offered' is what an organization has for its members ('member') and for those who
-- manage it ('management'). 'browse' is what its creators published, in the order of
-- their making: all of it, or what is not private ('open'), and its type.
SELECT list_days_follow('content', $$
    SELECT 'content', r.creator_id, kind, list_day(r.created_at)
    FROM unnest(content_kinds(r.status, r.content_type, r.access_type, r.category, r.organization_id)) kind
    WHERE r.deleted_at IS NULL
    UNION ALL
    SELECT 'published', o, kind, list_day(r.published_at)
    FROM unnest(ARRAY['', r.organization_id::text]) o, unnest(published_kinds(r.content_type, r.category_slug)) kind
    WHERE o IS NOT NULL AND r.status = 'published' AND r.published_at IS NOT NULL AND r.deleted_at IS NULL AND r.access_type <> 'private'
    UNION ALL
    SELECT 'made', r.organization_id::text || '/' || r.creator_id, '*', list_day(r.published_at)
    WHERE r.organization_id IS NOT NULL AND r.status = 'published' AND r.published_at IS NOT NULL AND r.deleted_at IS NULL AND r.access_type <> 'private'
    UNION ALL
    SELECT 'offered', r.organization_id::text, kind, list_day(r.published_at)
    FROM unnest(ARRAY['management', CASE WHEN r.access_type IN ('free', 'paid', 'members') THEN 'member' END]) kind
    WHERE r.organization_id IS NOT NULL AND kind IS NOT NULL
      AND r.status = 'published' AND r.published_at IS NOT NULL AND r.deleted_at IS NULL
    UNION ALL
    SELECT 'browse', r.organization_id::text, kind, list_day(r.created_at)
    FROM unnest(browse_kinds(r.content_type, r.access_type, r.category)) kind
    WHERE r.organization_id IS NOT NULL AND r.status = 'published' AND r.published_at IS NOT NULL AND r.deleted_at IS NULL $$);

-- The members of organizations: kind is role/status.
SELECT list_days_follow('organization_memberships', $$
    SELECT 'members', r.organization_id::text, a || '/' || b, list_day(r.created_at)
    FROM unnest(ARRAY['*', r.role]) a, unnest(ARRAY['*', r.status]) b $$);

-- library_entries: what a user was given or has begun to watch, whether or not it can
-- be seen at the moment. It is derived from content_access and video_playback, and
-- holds what a library is ordered and filtered by, in one row per item.
CREATE TABLE library_entries (
    user_id    text        NOT NULL,
    content_id uuid        NOT NULL,
    -- There is a grant that was not taken back; its time may be over.
    granted    bool        NOT NULL,
    -- When the longest grant ends; null when one has no end, or there is none.
    expires_at timestamptz,
    -- When the item was last given or watched.
    recent     timestamptz NOT NULL,
    progress   text        NOT NULL DEFAULT 'not_started',
    -- The item's own, which follow when it changes; see library_stale. Only what was
    -- granted once has them.
    title        text      NOT NULL DEFAULT '',
    seconds      int       NOT NULL DEFAULT 0, -- 0 when it has no length
    content_type text      NOT NULL DEFAULT '',
    -- The item is published, and for others than those who manage it.
    shown        bool      NOT NULL DEFAULT false,
    PRIMARY KEY (user_id, content_id) INCLUDE (granted, expires_at, recent, shown)
);
CREATE INDEX library_recent ON library_entries (user_id, recent, content_id) INCLUDE (expires_at, progress, content_type) WHERE granted;
CREATE INDEX library_title ON library_entries (user_id, title, content_id) INCLUDE (expires_at, progress, content_type) WHERE granted;
CREATE INDEX library_seconds ON library_entries (user_id, seconds, content_id) INCLUDE (expires_at, progress, content_type) WHERE granted;
CREATE INDEX library_expiring ON library_entries (user_id, expires_at) INCLUDE (content_id, recent, shown) WHERE granted AND expires_at IS NOT NULL;
CREATE INDEX library_begun ON library_entries (user_id) INCLUDE (content_id, recent) WHERE NOT granted;
CREATE INDEX library_of_content ON library_entries (content_id, user_id);
SELECT list_days_follow('library_entries', $$
    SELECT 'library', r.user_id, a || '/' || b, list_day(r.recent)
    FROM unnest(ARRAY['*', r.progress]) a, unnest(ARRAY['*', r.content_type]) b WHERE r.granted AND r.shown $$);

-- held: somebody was given the item, or bought it.
ALTER TABLE content ADD COLUMN held bool NOT NULL DEFAULT false;

-- library_item is what an entry repeats of its item.
CREATE VIEW library_item AS
    SELECT c.id AS content_id, c.title::text, COALESCE(i.duration_seconds, 0) AS seconds, c.content_type::text,
           c.status = 'published' AND c.deleted_at IS NULL AND c.access_type NOT IN ('team', 'private') AS shown
    FROM content c LEFT JOIN media_items i ON i.id = c.media_item_id AND i.deleted_at IS NULL;

-- library_refresh derives the entries of pairs of user and content anew. The entries
-- are locked first, made when they are missing: of two transactions that change grants
-- of one pair, the second derives after it has seen what the first did.
-- +goose StatementBegin
CREATE FUNCTION library_refresh(users text[], contents uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO library_entries AS e (user_id, content_id, granted, recent)
    SELECT DISTINCT p.u, p.c, false, timestamptz '-infinity' FROM unnest(users, contents) p (u, c) ORDER BY 1, 2
    ON CONFLICT (user_id, content_id) DO UPDATE SET recent = e.recent WHERE false;

    UPDATE content SET held = true WHERE id = ANY(contents) AND NOT held;

    UPDATE library_entries e SET granted = x.granted, expires_at = x.expires_at, recent = x.recent, progress = x.progress,
        title = x.title, seconds = x.seconds, content_type = x.content_type, shown = x.shown
    FROM (SELECT DISTINCT u, c FROM unnest(users, contents) p (u, c)) p
    CROSS JOIN LATERAL (
        SELECT COALESCE(bool_or(f.granted), false) AS granted, GREATEST(max(f.at), '-infinity') AS recent,
               CASE WHEN NOT bool_or(f.granted AND f.expires_at IS NULL) THEN max(f.expires_at) END AS expires_at,
               COALESCE(max(f.progress), 'not_started') AS progress
        FROM (
            SELECT true AS granted, a.expires_at, a.created_at AS at, NULL AS progress FROM content_access a
            WHERE a.user_id = p.u AND a.content_id = p.c AND a.deleted_at IS NULL
            UNION ALL
            SELECT false, NULL, v.updated_at, library_progress(v.completed) FROM video_playback v WHERE v.user_id = p.u AND v.content_id = p.c
        ) f
    ) f
    CROSS JOIN LATERAL (SELECT f.*, i.title, i.seconds, i.content_type, i.shown FROM library_item i WHERE i.content_id = p.c) x
    WHERE e.user_id = p.u AND e.content_id = p.c
      AND (e.granted, e.expires_at, e.recent, e.progress, e.title, e.seconds, e.content_type, e.shown)
          IS DISTINCT FROM (x.granted, x.expires_at, x.recent, x.progress, x.title, x.seconds, x.content_type, x.shown);

    DELETE FROM library_entries e USING unnest(users, contents) p (u, c)
    WHERE e.user_id = p.u AND e.content_id = p.c AND e.recent = '-infinity';
END $$;

CREATE FUNCTION library_progress(completed bool) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT CASE WHEN completed THEN 'completed' ELSE 'in_progress' END $$;

CREATE FUNCTION library_of_grants() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    users    text[];
    contents uuid[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(user_id), array_agg(content_id) INTO users, contents FROM come WHERE deleted_at IS NULL;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(user_id), array_agg(content_id) INTO users, contents FROM gone WHERE deleted_at IS NULL;
    ELSE
        SELECT array_agg(n.user_id), array_agg(n.content_id) INTO users, contents
        FROM come n JOIN gone o USING (id)
        WHERE (n.deleted_at IS NULL, n.expires_at, n.created_at) IS DISTINCT FROM (o.deleted_at IS NULL, o.expires_at, o.created_at);
    END IF;
    IF users IS NOT NULL THEN
        PERFORM library_refresh(users, contents);
    END IF;
    RETURN NULL;
END $$;

-- What is watched moves up. It moves back only with the playback's deletion.
CREATE FUNCTION library_of_playback() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    users    text[];
    contents uuid[];
BEGIN
    IF TG_OP = 'DELETE' THEN
        SELECT array_agg(user_id), array_agg(content_id) INTO users, contents FROM gone;
        IF users IS NOT NULL THEN
            PERFORM library_refresh(users, contents);
        END IF;
    ELSE
        INSERT INTO library_entries AS e (user_id, content_id, granted, recent, progress)
        SELECT user_id, content_id, false, updated_at, library_progress(completed) FROM come ORDER BY user_id, content_id
        ON CONFLICT (user_id, content_id) DO UPDATE SET recent = GREATEST(e.recent, excluded.recent), progress = excluded.progress
        WHERE e.recent < excluded.recent OR e.progress <> excluded.progress;
    END IF;
    RETURN NULL;
END $$;

-- library_stale are items that changed what their entries repeat. Up to a thousand
-- entries of an item change with it; library_follow comes after the rest, and after
-- entries that were made at the same time, when all who were at work then are done.
-- Until then, who counts what is shown looks at these items themselves.
CREATE TABLE library_stale (
    content_id uuid NOT NULL,
    -- A transaction that began after the change was committed: who read the item before
    -- the change began earlier.
    since      xid8
);
CREATE INDEX library_stale_content ON library_stale (content_id);

CREATE FUNCTION library_repeat(contents uuid[], most int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    changed int;
BEGIN
    WITH found AS (
        SELECT e.user_id, e.content_id, i.title, i.seconds, i.content_type, i.shown
        FROM library_item i JOIN library_entries e USING (content_id)
        WHERE i.content_id = ANY(contents) AND e.granted
          AND (e.title, e.seconds, e.content_type, e.shown) IS DISTINCT FROM (i.title, i.seconds, i.content_type, i.shown)
        ORDER BY e.user_id, e.content_id LIMIT most FOR UPDATE OF e
    )
    UPDATE library_entries e SET title = f.title, seconds = f.seconds, content_type = f.content_type, shown = f.shown
    FROM found f WHERE e.user_id = f.user_id AND e.content_id = f.content_id;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;

-- library_follow brings up to most entries up to date, of items that it knew before, and
-- returns how many rows it wrote.
CREATE FUNCTION library_follow(most int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    due     uuid[];
    known   int;
    changed int;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('library_follow')) THEN
        RETURN 0;
    END IF;
    UPDATE library_stale SET since = pg_current_xact_id() WHERE since IS NULL;
    GET DIAGNOSTICS known = ROW_COUNT;
    SELECT array_agg(DISTINCT content_id) INTO due FROM (
        SELECT content_id FROM library_stale WHERE since < pg_snapshot_xmin(pg_current_snapshot()) LIMIT 100) s;
    IF due IS NULL THEN
        RETURN known;
    END IF;
    changed := library_repeat(due, most);
    IF changed < most THEN
        DELETE FROM library_stale WHERE content_id = ANY(due) AND since < pg_snapshot_xmin(pg_current_snapshot());
    END IF;
    RETURN known + changed;
END $$;

CREATE FUNCTION library_of_items() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    items uuid[];
BEGIN
    IF TG_TABLE_NAME = 'content' THEN
        SELECT array_agg(n.id) INTO items FROM come n JOIN gone o USING (id)
        WHERE n.held AND (n.title, n.content_type, n.media_item_id, n.status, n.deleted_at IS NULL, n.access_type)
            IS DISTINCT FROM (o.title, o.content_type, o.media_item_id, o.status, o.deleted_at IS NULL, o.access_type);
    ELSE
        SELECT array_agg(c.id) INTO items FROM come n JOIN gone o USING (id) JOIN content c ON c.media_item_id = n.id
        WHERE c.held AND (n.duration_seconds, n.deleted_at IS NULL) IS DISTINCT FROM (o.duration_seconds, o.deleted_at IS NULL);
    END IF;
    IF items IS NOT NULL THEN
        INSERT INTO library_stale (content_id) SELECT unnest(items);
        PERFORM library_repeat(items, 1000);
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER library_granted AFTER INSERT ON content_access REFERENCING NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION library_of_grants();
CREATE TRIGGER library_changed AFTER UPDATE ON content_access REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION library_of_grants();
CREATE TRIGGER library_ended AFTER DELETE ON content_access REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION library_of_grants();
CREATE TRIGGER library_begun AFTER INSERT ON video_playback REFERENCING NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION library_of_playback();
CREATE TRIGGER library_watched AFTER UPDATE ON video_playback REFERENCING NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION library_of_playback();
CREATE TRIGGER library_forgotten AFTER DELETE ON video_playback REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION library_of_playback();
CREATE TRIGGER library_renamed AFTER UPDATE ON content REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION library_of_items();
CREATE TRIGGER library_transcoded AFTER UPDATE ON media_items REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION library_of_items();
SELECT library_refresh(array_agg(user_id), array_agg(content_id)) FROM (
    SELECT user_id, content_id FROM content_access WHERE deleted_at IS NULL
    UNION SELECT user_id, content_id FROM video_playback
) pairs;

-- An index per order of a list. The columns after INCLUDE are those that filter it:
-- what a page skips is skipped without its rows.
DROP INDEX purchases_customer;
CREATE INDEX purchases_customer ON purchases (customer_id, created_at DESC, id);
CREATE INDEX purchases_customer_status ON purchases (customer_id, status, created_at DESC, id);

DROP INDEX memberships_listed;
CREATE INDEX memberships_listed ON organization_memberships (organization_id, created_at, id) INCLUDE (role, status);
CREATE INDEX organizations_by_created ON organizations (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX organizations_by_name ON organizations (lower(name), id) WHERE deleted_at IS NULL;

DROP INDEX media_creator;
CREATE INDEX media_by_created ON media_items (creator_id, created_at, id) INCLUDE (status, media_type) WHERE deleted_at IS NULL;
CREATE INDEX media_by_title ON media_items (creator_id, title, id) INCLUDE (status, media_type) WHERE deleted_at IS NULL;
CREATE INDEX media_by_uploaded ON media_items (creator_id, uploaded_at, id) INCLUDE (status, media_type) WHERE deleted_at IS NULL;
CREATE INDEX media_by_uploaded_down ON media_items (creator_id, uploaded_at DESC NULLS LAST, id DESC) INCLUDE (status, media_type) WHERE deleted_at IS NULL;

DROP INDEX content_creator;
CREATE INDEX content_by_created ON content (creator_id, created_at, id) INCLUDE (status, content_type, access_type) WHERE deleted_at IS NULL;
CREATE INDEX content_by_updated ON content (creator_id, updated_at, id) INCLUDE (status, content_type, access_type) WHERE deleted_at IS NULL;
CREATE INDEX content_by_published ON content (creator_id, published_at, id) INCLUDE (status, content_type, access_type) WHERE deleted_at IS NULL;
CREATE INDEX content_by_published_down ON content (creator_id, published_at DESC NULLS LAST, id DESC) INCLUDE (status, content_type, access_type)
    WHERE deleted_at IS NULL;
CREATE INDEX content_by_title ON content (creator_id, title, id) INCLUDE (status, content_type, access_type) WHERE deleted_at IS NULL;
CREATE INDEX content_by_views ON content (creator_id, view_count, id) INCLUDE (status, content_type, access_type) WHERE deleted_at IS NULL;
CREATE INDEX content_by_sales ON content (creator_id, purchase_count, id) INCLUDE (status, content_type, access_type) WHERE deleted_at IS NULL;

DROP INDEX content_public;
DROP INDEX content_discover;
CREATE INDEX content_public ON content (organization_id, published_at, id) INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX content_public_created ON content (organization_id, created_at, id) INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX content_public_updated ON content (organization_id, updated_at, id) INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX content_public_title ON content (organization_id, title, id) INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX content_public_views ON content (organization_id, view_count, id) INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX content_public_sales ON content (organization_id, purchase_count, id) INCLUDE (content_type, access_type, creator_id)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL;
CREATE INDEX content_catalogue_title ON content (organization_id, title, id) INCLUDE (content_type)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL AND access_type <> 'private';
CREATE INDEX content_made ON content (organization_id, creator_id, published_at, id) INCLUDE (access_type) WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX content_private ON content (creator_id, organization_id) WHERE access_type = 'private' AND deleted_at IS NULL;
CREATE INDEX content_discover ON content (published_at, id) INCLUDE (content_type) WHERE status = 'published' AND deleted_at IS NULL AND access_type <> 'private';
CREATE INDEX content_discover_title ON content (title, id) INCLUDE (content_type)
    WHERE status = 'published' AND deleted_at IS NULL AND published_at IS NOT NULL AND access_type <> 'private';
