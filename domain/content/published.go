package content

// One rule says which items exist for viewers and which of them everyone may know of. It
// stands here twice, in Go and in SQL: the stores of several contexts read items, and lists
// must select them in the database. A test compares the two forms.

// IsPublished reports whether the item exists for viewers. Its access type decides which of
// them may see it.
func (c Content) IsPublished() bool {
	return c.Status == Published && c.PublishedAt != nil && c.DeletedAt == nil
}

// WherePublished is IsPublished in SQL, for the table or alias c.
func WherePublished(c string) string {
	return c + ".status = 'published' AND " + c + ".published_at IS NOT NULL AND " + c + ".deleted_at IS NULL"
}

// IsPublic reports whether everyone may know of the item: it is published and not private.
func (c Content) IsPublic() bool { return c.IsPublished() && c.Access != Private }

// WherePublic is IsPublic in SQL, for the table or alias c.
func WherePublic(c string) string {
	return WherePublished(c) + " AND " + c + ".access_type <> 'private'"
}
