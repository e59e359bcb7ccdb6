-- doubled
-- Each attempt to transcode an item is started once, and there are at most three.
SELECT aggregate_id, format('attempt %s was started %s times', data ->> 'attempt', count(*))
FROM outbox
WHERE type = 'media.transcoding_started'
GROUP BY aggregate_id, data ->> 'attempt'
HAVING count(*) > 1 OR (data ->> 'attempt')::int > 3
