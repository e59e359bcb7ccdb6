-- lost
-- Progress that was acknowledged is never read smaller; 95 percent is completion.
SELECT w.operation::text, format('%s read %s after %s was saved', w.subject, w.value, max(p.value))
FROM chaos.requests w
JOIN chaos.requests p ON p.kind = 'progress' AND p.actor = w.actor AND p.subject = w.subject
                     AND p.status = 204 AND p.ended_at < w.started_at AND p.value > w.value
WHERE w.kind = 'watched' AND w.status = 200
GROUP BY w.operation, w.subject, w.value
UNION ALL
SELECT v.user_id || ' ' || v.content_id, format('%s of %s is not completed', v.position_seconds, v.duration_seconds)
FROM video_playback v
WHERE NOT v.completed AND v.position_seconds * 100 >= v.duration_seconds * 95 AND v.duration_seconds > 0
