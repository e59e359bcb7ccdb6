-- doubled
-- A buyer has at most one live purchase of an item.
SELECT customer_id || ' ' || content_id, format('%s live purchases', count(*))
FROM purchases
WHERE status IN ('completed', 'partially_refunded')
GROUP BY customer_id, content_id
HAVING count(*) > 1
