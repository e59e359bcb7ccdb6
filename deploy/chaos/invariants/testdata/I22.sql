UPDATE content SET version = 3 WHERE id = '00000000-0000-0000-0000-0000000000c1';
-- or
UPDATE payments SET version = 1 WHERE payment_intent = 'pi_2';
