UPDATE chaos.requests SET status = 200 WHERE kind = 'foreign';
