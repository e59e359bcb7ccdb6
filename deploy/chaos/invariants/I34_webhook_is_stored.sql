-- lost
-- Every event of the provider that was answered 2xx is stored and has a result.
SELECT d.event_id, CASE WHEN e.event_id IS NULL THEN 'not stored' ELSE 'not processed' END
FROM chaos.deliveries d
LEFT JOIN stripe_events e ON e.event_id = d.event_id
WHERE d.status = 'delivered' AND e.processed_at IS NULL
