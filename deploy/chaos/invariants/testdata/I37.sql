UPDATE users SET deleted_at = now() WHERE id = 'buyer';
