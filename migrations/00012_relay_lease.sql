-- +goose Up

-- The lease of the active relay. Times are the database's clock. The epoch grows with every
-- holder and fences what an earlier one still writes; the backends are the holder's
-- sessions, which the next holder ends.
ALTER TABLE relay_state
    ADD COLUMN lease_holder     text        NOT NULL DEFAULT '',
    ADD COLUMN lease_epoch      bigint      NOT NULL DEFAULT 0,
    ADD COLUMN lease_expires_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN lease_backends   int[]       NOT NULL DEFAULT '{}';

-- The two functions run as the owner of the tables, so that the role of the running program
-- needs EXECUTE on them and no right to create or drop. They wait for locks one second at
-- most: appending waits behind them.

-- outbox_prepare creates the partitions of the coming days.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION outbox_prepare(from_day date, days int) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    d date;
BEGIN
    FOR i IN 0 .. LEAST(days, 62) - 1 LOOP
        d := from_day + i;
        IF to_regclass('outbox_' || to_char(d, 'YYYYMMDD')) IS NULL
           AND NOT EXISTS (SELECT 1 FROM outbox_default WHERE day = d) THEN
            EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF outbox FOR VALUES FROM (%L) TO (%L) '
                || 'WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01)',
                'outbox_' || to_char(d, 'YYYYMMDD'), d, d + 1);
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

-- outbox_expire drops the days that are older than thirty days and wholly published, and
-- deletes such rows of days without a partition. It returns the partitions that stay
-- because they hold unpublished events.
-- +goose StatementBegin
CREATE FUNCTION outbox_expire() RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    oldest    date := (now() AT TIME ZONE 'utc')::date - 30;
    partition name;
    waiting   boolean;
BEGIN
    FOR partition IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'outbox'::regclass AND c.relname ~ '^outbox_\d{8}$'
          AND substr(c.relname, 8) < to_char(oldest, 'YYYYMMDD')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE published_at IS NULL)', partition) INTO waiting;
        IF waiting THEN
            RETURN NEXT partition::text;
        ELSE
            EXECUTE format('DROP TABLE %I', partition);
        END IF;
    END LOOP;
    DELETE FROM outbox_default WHERE day < oldest AND published_at IS NOT NULL;
END $$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION outbox_prepare(date, int), outbox_expire() FROM PUBLIC;
