UPDATE chaos.requests SET value = 1 WHERE operation = '00000000-0000-0000-0000-000000000016';
