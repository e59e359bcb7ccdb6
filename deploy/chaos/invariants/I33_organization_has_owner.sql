-- wrong
-- Every live organization has an active owner.
SELECT o.id::text, 'no active owner'
FROM organizations o
WHERE o.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM organization_memberships m
                  WHERE m.organization_id = o.id AND m.role = 'owner' AND m.status = 'active')
