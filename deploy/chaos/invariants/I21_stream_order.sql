-- reordered
-- The first appearances on the stream of the events of an aggregate are in the order of their
-- versions.
WITH first AS (
    SELECT aggregate_id, version, min(sequence) AS sequence FROM chaos.messages GROUP BY aggregate_id, version
), neighbours AS (
    SELECT aggregate_id, version, sequence,
           lag(sequence) OVER (PARTITION BY aggregate_id ORDER BY version) AS before
    FROM first
)
SELECT aggregate_id, format('version %s at %s, the one before at %s', version, sequence, before)
FROM neighbours
WHERE before > sequence
