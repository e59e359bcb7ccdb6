-- lost
-- Media that is ready has a length and a playlist, and the playlist is in the store.
SELECT id::text, format('%s s, playlist %s', duration_seconds, hls_master_playlist_key)
FROM media_items
WHERE status = 'ready' AND deleted_at IS NULL
  AND (coalesce(duration_seconds, 0) <= 0
       OR NOT EXISTS (SELECT FROM chaos.objects o WHERE o.key = hls_master_playlist_key))
