UPDATE stripe_events SET processed_at = NULL;
-- or
DELETE FROM stripe_events;
