package postgres

// Published is the condition of an item that is live; the item is the table or alias c. Who
// may see it then is decided by its access type.
func Published(c string) string {
	return c + ".status = 'published' AND " + c + ".deleted_at IS NULL AND " + c + ".published_at IS NOT NULL"
}

// Public is the condition of an item of which everyone may know, as
// [content.Content.IsPublic] has it in Go.
func Public(c string) string { return Published(c) + " AND " + c + ".access_type <> 'private'" }

// Matches is the condition of a search for content; $ is the pattern.
const Matches = `(content.title ILIKE $ OR content.description ILIKE $)`
