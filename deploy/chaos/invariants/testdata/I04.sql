UPDATE content_access SET deleted_at = now() WHERE id = '00000000-0000-0000-0000-0000000000a1';
