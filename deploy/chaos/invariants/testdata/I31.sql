DROP INDEX content_slug;
UPDATE content SET slug = 'two' WHERE id = '00000000-0000-0000-0000-0000000000c3';
