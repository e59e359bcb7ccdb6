UPDATE outbox SET version = 3 WHERE aggregate_id = '00000000-0000-0000-0000-0000000000c1' AND version = 2;
