UPDATE outbox SET published_at = NULL WHERE aggregate_id = '00000000-0000-0000-0000-0000000000a1';
