UPDATE organization_memberships SET status = 'inactive';
