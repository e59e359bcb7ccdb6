-- +goose Up

-- health_probe is what a health check writes: one row, updated and committed.
CREATE TABLE health_probe (
    singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
    at        timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
INSERT INTO health_probe DEFAULT VALUES;

-- health_growth is where a health check writes a row of a page and undoes it: a table can
-- grow only while the disk has room. It never has a row.
CREATE TABLE health_growth (
    filler text NOT NULL
);
ALTER TABLE health_growth ALTER COLUMN filler SET STORAGE PLAIN;
