-- +goose Up

-- A list's counts per day (00012) lead to a page in the order that the list is counted
-- by. In any other order (title, views …) rows are skipped one by one, which is as good
-- while a list has a few thousand rows. Longer ones are cut into stretches of some
-- hundred rows, order by order, and the rows of each stretch are counted: in list_days,
-- where list is then '<list> by <column>' and day the number of the stretch.

-- long_lists are the lists that are cut, or will be. Who changes a row of one holds a
-- share lock on it until the end of the transaction; who cuts it anew, the whole lock.
CREATE TABLE long_lists (
    list   text NOT NULL,
    owner  text NOT NULL,
    -- A transaction that began after this row was committed: who does not know of it
    -- began earlier.
    since  xid8,
    cut_at timestamptz,
    PRIMARY KEY (list, owner)
);

-- list_cuts are where stretches begin: at a row's key and id. The first begins with the
-- list and is not here. A key is the column's value as a text of the same order.
CREATE TABLE list_cuts (
    list      text NOT NULL,
    owner     text NOT NULL,
    by_column text NOT NULL,
    stretch   int  NOT NULL,
    key       text NOT NULL,
    id        uuid NOT NULL,
    PRIMARY KEY (list, owner, by_column, stretch),
    FOREIGN KEY (list, owner) REFERENCES long_lists ON DELETE CASCADE
);
CREATE INDEX list_cuts_walk ON list_cuts (list, owner, by_column, key, id) INCLUDE (stretch);

CREATE FUNCTION list_key(t timestamptz) RETURNS text LANGUAGE sql STABLE
    AS $$ SELECT to_char(t AT TIME ZONE 'utc', 'YYYY-MM-DD HH24:MI:SS.US+00') $$;
CREATE FUNCTION list_key(n int) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT lpad(n::text, 10, '0') $$;

-- +goose StatementBegin
-- list_cuts_follow makes a table's changes arrive in the counts of long lists. lists is a
-- query over a row r of the table: the (list, owner, kinds) that the row is in; orders
-- another: the (list, by_column, key) that they are ordered by. The view
-- list_order_of_<table> has the rows of all lists in all orders, long or not, with the
-- columns that lists are found by. id_column identifies a row within a list.
CREATE FUNCTION list_cuts_follow(followed text, id_column text, found_by text, lists text, orders text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    event   text;
    changed text;
    tables  text;
BEGIN
    EXECUTE format($view$
        CREATE VIEW list_order_of_%1$s AS
            SELECT l.list, l.owner, l.kinds, o.by_column, o.key, r.%5$s AS id, %2$s
            FROM %1$s r CROSS JOIN LATERAL (%3$s) l (list, owner, kinds) CROSS JOIN LATERAL (%4$s) o (in_list, by_column, key)
            WHERE o.in_list = l.list AND o.key IS NOT NULL
    $view$, followed, found_by, lists, orders, id_column);
    FOR event, changed, tables IN VALUES
        ('INSERT', 'SELECT c.*, 1 AS sign FROM come c', 'NEW TABLE AS come'),
        ('DELETE', 'SELECT g.*, -1 AS sign FROM gone g', 'OLD TABLE AS gone'),
        ('UPDATE', 'SELECT c.*, 1 AS sign FROM come c UNION ALL SELECT g.*, -1 FROM gone g', 'OLD TABLE AS gone NEW TABLE AS come')
    LOOP
        EXECUTE format($body$
            CREATE FUNCTION list_cuts_of_%1$s_%2$s() RETURNS trigger LANGUAGE plpgsql AS $trigger$
            BEGIN
                PERFORM FROM long_lists g
                WHERE (g.list, g.owner) IN (SELECT l.list, l.owner FROM (%3$s) r CROSS JOIN LATERAL (%5$s) l (list, owner, kinds))
                FOR KEY SHARE;
                IF FOUND THEN
                    INSERT INTO list_days (list, owner, kind, day, n)
                    SELECT l.list || ' by ' || o.by_column, l.owner, kind, list_stretch(l.list, l.owner, o.by_column, o.key, r.%7$s), sum(r.sign)
                    FROM (%3$s) r
                    CROSS JOIN LATERAL (%5$s) l (list, owner, kinds)
                    JOIN long_lists g ON g.list = l.list AND g.owner = l.owner AND g.cut_at IS NOT NULL
                    CROSS JOIN LATERAL (%6$s) o (in_list, by_column, key)
                    CROSS JOIN LATERAL unnest(l.kinds) kind
                    WHERE o.in_list = l.list AND o.key IS NOT NULL
                    GROUP BY 1, 2, 3, 4 HAVING sum(r.sign) <> 0;
                END IF;
                RETURN NULL;
            END $trigger$;
            CREATE TRIGGER list_cuts_%2$s AFTER %2$s ON %1$s REFERENCING %4$s
                FOR EACH STATEMENT EXECUTE FUNCTION list_cuts_of_%1$s_%2$s();
        $body$, followed, lower(event), changed, tables, lists, orders, id_column);
    END LOOP;
END $$;

-- list_stretch returns the stretch that a row lies in.
CREATE FUNCTION list_stretch(of_list text, of_owner text, of_column text, of_key text, of_id uuid) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT COALESCE((SELECT stretch FROM list_cuts
        WHERE list = of_list AND owner = of_owner AND by_column = of_column AND (key, id) <= (of_key, of_id)
        ORDER BY key DESC, id DESC LIMIT 1), 0)
$$;

-- lists_find_long enters the lists of at least that many rows.
CREATE FUNCTION lists_find_long(rows_at_least int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO long_lists (list, owner)
    SELECT list, owner FROM list_days
    WHERE (list, kind) IN (('content', '*/*'), ('browse', 'all/*'), ('published', '*'), ('media', '*/*'), ('library', '*/*'))
    GROUP BY list, owner HAVING sum(n) >= rows_at_least
    ON CONFLICT DO NOTHING
$$;

-- lists_to_cut returns the long lists that were not cut yet, or a week ago (what is
-- deleted must not live on as the beginning of a stretch), or of which a stretch has
-- grown to more than that many rows.
CREATE FUNCTION lists_to_cut(rows_at_most int) RETURNS TABLE (list text, owner text) LANGUAGE sql STABLE AS $$
    SELECT g.list, g.owner FROM long_lists g
    WHERE g.cut_at IS NULL OR g.cut_at < now() - interval '7 days' OR EXISTS (
        SELECT FROM (SELECT DISTINCT c.by_column FROM list_cuts c WHERE c.list = g.list AND c.owner = g.owner) c
        JOIN list_days d ON d.list = g.list || ' by ' || c.by_column AND d.owner = g.owner
        GROUP BY d.list, d.kind, d.day HAVING sum(d.n) > rows_at_most)
$$;

-- list_cut cuts a long list into stretches of that many rows, a thousand at most. It
-- returns false when it has to be tried again: while the list changes, or before
-- everybody knows that it is long.
CREATE FUNCTION list_cut(of_list text, of_owner text, stretch_rows int) RETURNS bool LANGUAGE plpgsql SET work_mem = '64MB' AS $$
DECLARE
    source text := 'list_order_of_' || CASE of_list WHEN 'media' THEN 'media_items' WHEN 'library' THEN 'library_entries' ELSE 'content' END;
    mine   text := CASE WHEN of_list IN ('content', 'media') THEN 'creator_id = $2' WHEN of_list = 'library' THEN 'user_id = $2' WHEN of_owner <> '' THEN 'organization_id = $2::uuid' ELSE '$2 = ''''' END
                || ' AND list = $1 AND owner = $2';
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('list_days_fold')) THEN
        RETURN false;
    END IF;
    UPDATE long_lists SET since = pg_current_xact_id() WHERE list = of_list AND owner = of_owner AND since IS NULL;
    PERFORM FROM long_lists WHERE list = of_list AND owner = of_owner AND since < pg_snapshot_xmin(pg_current_snapshot()) FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM list_cuts WHERE list = of_list AND owner = of_owner;
    DELETE FROM list_days WHERE list LIKE of_list || ' by %' AND owner = of_owner;
    EXECUTE format($cut$
        WITH ordered AS MATERIALIZED (
            SELECT by_column, key, id, kinds, (row_number() OVER (PARTITION BY by_column ORDER BY key, id))::int AS n,
                   GREATEST($3, count(*) OVER (PARTITION BY by_column) / 1000)::int AS length
            FROM %I WHERE %s
        ), cuts AS (
            INSERT INTO list_cuts (list, owner, by_column, stretch, key, id)
            SELECT $1, $2, by_column, n / length, key, id FROM ordered WHERE n %% length = 0
        )
        INSERT INTO list_days (list, owner, kind, day, n, folded)
        SELECT $1 || ' by ' || by_column, $2, kind, stretch, sum(rows), true
        FROM (SELECT by_column, n / length AS stretch, kinds, count(*) AS rows FROM ordered GROUP BY 1, 2, 3) alike
        CROSS JOIN LATERAL unnest(kinds) kind GROUP BY 1, 2, 3, 4
    $cut$, source, mine) USING of_list, of_owner, stretch_rows;
    UPDATE long_lists SET cut_at = now() WHERE list = of_list AND owner = of_owner;
    RETURN true;
END $$;
-- +goose StatementEnd

SELECT list_cuts_follow('content', 'id', 'r.creator_id, r.organization_id', $$
    SELECT 'content', r.creator_id, content_kinds(r.status, r.content_type, r.access_type, r.category, r.organization_id)
    WHERE r.deleted_at IS NULL
    UNION ALL
    SELECT 'published', o, published_kinds(r.content_type, r.category_slug) FROM unnest(ARRAY['', r.organization_id::text]) o
    WHERE o IS NOT NULL AND r.status = 'published' AND r.published_at IS NOT NULL AND r.deleted_at IS NULL AND r.access_type <> 'private'
    UNION ALL
    SELECT 'browse', r.organization_id::text, browse_kinds(r.content_type, r.access_type, r.category)
    WHERE r.organization_id IS NOT NULL AND r.status = 'published' AND r.published_at IS NOT NULL AND r.deleted_at IS NULL $$, $$
    SELECT l, c, k FROM (VALUES ('content'), ('browse')) lists (l), (VALUES ('updated_at', list_key(r.updated_at)),
        ('published_at', list_key(r.published_at)), ('title', r.title), ('view_count', list_key(r.view_count)),
        ('purchase_count', list_key(r.purchase_count))) columns (c, k)
    UNION ALL
    SELECT 'published', 'title', r.title $$);
SELECT list_cuts_follow('media_items', 'id', 'r.creator_id', $$
    SELECT 'media', r.creator_id, ARRAY(SELECT a || '/' || b FROM unnest(ARRAY['*', r.status]) a, unnest(ARRAY['*', r.media_type]) b)
    WHERE r.deleted_at IS NULL $$, $$
    SELECT 'media', c, k FROM (VALUES ('uploaded_at', list_key(r.uploaded_at)), ('title', r.title)) columns (c, k) $$);
SELECT list_cuts_follow('library_entries', 'content_id', 'r.user_id', $$
    SELECT 'library', r.user_id, ARRAY(SELECT a || '/' || b FROM unnest(ARRAY['*', r.progress]) a, unnest(ARRAY['*', r.content_type]) b)
    WHERE r.granted AND r.shown $$, $$
    SELECT 'library', c, k FROM (VALUES ('title', r.title), ('seconds', list_key(r.seconds))) columns (c, k) $$);
