-- doubled
-- A slug is unique among the live items of an organization or a creator.
SELECT coalesce(organization_id::text, creator_id) || ' ' || slug, format('%s items', count(*))
FROM content
WHERE deleted_at IS NULL
GROUP BY coalesce(organization_id::text, creator_id), slug
HAVING count(*) > 1
