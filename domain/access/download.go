package access

import (
	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/events"
)

// CommandDownload is the name of the command whose payload is [Download].
const CommandDownload = "playback.download"

// ErrNoDownload says that the creator does not offer the item for download.
var ErrNoDownload = domain.NewError(domain.Forbidden, "DOWNLOAD_NOT_OFFERED", "This item is not offered for download")

// Download is the command playback.download. It records that the actor downloads an item.
type Download struct {
	ContentID string `json:"contentId"`
}

// Offer is what an item offers for download.
type Offer struct {
	// Offered says that its creator allows it.
	Offered bool
	// Ready says that its media is ready.
	Ready bool
	// CreatorID, MediaID and SizeBytes describe the file.
	CreatorID string
	MediaID   string
	SizeBytes int64
}

// Begin begins a download of this id by a user. It is decided by the same verdict as playing.
func (o Offer) Begin(id, userID string, cmd Download, verdict Verdict) (events.MediaDownloaded, error) {
	err := verdict.Err()
	switch {
	case err != nil:
	case !o.Offered:
		err = ErrNoDownload
	case !o.Ready:
		err = ErrMediaNotReady
	}
	return events.MediaDownloaded{
		DownloadID: id,
		ContentID:  cmd.ContentID,
		MediaID:    o.MediaID,
		CreatorID:  o.CreatorID,
		UserID:     userID,
		SizeBytes:  o.SizeBytes,
	}, err
}
