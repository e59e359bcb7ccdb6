ALTER TABLE content DROP CONSTRAINT content_check;
UPDATE content SET price_cents = 0 WHERE id = '00000000-0000-0000-0000-0000000000c1';
-- or
UPDATE media_items SET status = 'failed';
