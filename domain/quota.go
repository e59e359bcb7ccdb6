package domain

// Quota limits what one creator keeps on the platform. What is deleted does not count.
type Quota struct {
	// Bytes are the declared sizes of the creator's media files.
	Bytes int64
	// OpenUploads are media items that wait for their file.
	OpenUploads int64
	// Media and Content are items, Categories those of all spaces together.
	Media      int64
	Content    int64
	Categories int64
}

// DefaultQuota is the quota of every creator: 1 TiB, 100 open uploads, 10 000 media items,
// 20 000 content items and 1000 categories.
var DefaultQuota = Quota{
	Bytes:       1 << 40,
	OpenUploads: 100,
	Media:       10_000,
	Content:     20_000,
	Categories:  1000,
}

// ErrQuota rejects what exceeds a quota. Its context has the quota's name, its limit, what is
// used of it and what is left.
var ErrQuota = NewError(Rule, "QUOTA_EXCEEDED", "This exceeds your quota; delete something first")

// Use checks that more can be added to what is used of a quota of this name; a limit of 0 is
// none.
func Use(name string, limit, used, more int64) error {
	if limit == 0 || used+more <= limit {
		return nil
	}
	rejection := *ErrQuota
	rejection.Context = map[string]any{
		"quota": name,
		"limit": limit,
		"used":  used,
		"left":  max(0, limit-used),
	}
	return &rejection
}
