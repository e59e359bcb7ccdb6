DELETE FROM chaos.objects;
-- or
UPDATE media_items SET duration_seconds = 0;
