package postgres

// Published is the condition of [content.Content.IsPublished]; the item is the table or
// alias c.
func Published(c string) string {
	return c + ".status = 'published' AND " + c + ".deleted_at IS NULL AND " + c + ".published_at IS NOT NULL"
}

// Public is the condition of [content.Content.IsPublic].
func Public(c string) string { return Published(c) + " AND " + c + ".access_type <> 'private'" }

// Matches is the condition of a search for content; $ is the pattern.
const Matches = `(content.title ILIKE $ OR content.description ILIKE $)`
