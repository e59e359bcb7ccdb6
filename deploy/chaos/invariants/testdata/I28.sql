UPDATE chaos.requests SET value = 100 WHERE kind = 'watched';
-- or
UPDATE video_playback SET completed = false;
