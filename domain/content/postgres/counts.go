package postgres

import "github.com/jackc/pgx/v5"

// Count is how much the counts of an item change.
type Count struct {
	ContentID                   string
	Views, Purchases, Downloads int
}

// QueueCount queues the change of items' counts. An item is named at most once.
func QueueCount(b *pgx.Batch, counts []Count) {
	var ids []string
	var views, purchases, downloads []int
	for _, c := range counts {
		ids = append(ids, c.ContentID)
		views = append(views, c.Views)
		purchases = append(purchases, c.Purchases)
		downloads = append(downloads, c.Downloads)
	}
	b.Queue(`
INSERT INTO content_stats AS s (content_id, view_count, purchase_count, download_count, `+repeated+`)
SELECT c.id, n.views, n.purchases, n.downloads, `+repeatedOf("c")+`
FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[]) n (id, views, purchases, downloads)
JOIN content c ON c.id = n.id
ORDER BY c.id
ON CONFLICT (content_id) DO UPDATE SET
    view_count = s.view_count + excluded.view_count, purchase_count = s.purchase_count + excluded.purchase_count,
    download_count = s.download_count + excluded.download_count`,
		ids, views, purchases, downloads)
}
