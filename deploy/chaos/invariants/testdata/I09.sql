ALTER TABLE purchases DROP CONSTRAINT purchases_check1;
UPDATE purchases SET creator_payout_cents = 2430 WHERE id = '00000000-0000-0000-0000-0000000000e1';
