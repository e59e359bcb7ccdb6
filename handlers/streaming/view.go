package streaming

import (
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/domain/media"
)

// StreamCaptions are one language of an item's captions.
type StreamCaptions struct {
	Language string            `json:"language"`
	Label    string            `json:"label"`
	Kind     media.CaptionKind `json:"kind"`
	// Default is the track to show unless the viewer chooses another, Forced the one to show to who
	// shows none.
	Default bool `json:"default"`
	Forced  bool `json:"forced"`
	// URL leads to WebVTT, for the src of a track element.
	URL string `json:"url"`
}

// StreamChapters are the addresses of an item's chapters.
type StreamChapters struct {
	// URL leads to JSON chapters as in Podcasting 2.0.
	URL string `json:"url"`
	// TrackURL leads to WebVTT, for a track element of kind chapters.
	TrackURL string `json:"trackUrl"`
}

// Stream is how a player plays an item. Written content has no URLs, but its text.
type Stream struct {
	StreamingURL *string `json:"streamingUrl"`
	// WaveformURL is the URL of the waveform's JSON, where there is one.
	WaveformURL *string `json:"waveformUrl"`
	// WaveformOverviewURL is that of the waveform in at most 1800 points; waveformUrl has ten a second.
	WaveformOverviewURL *string `json:"waveformOverviewUrl,omitempty"`
	// StoryboardURL leads to WebVTT with small pictures for seeking, where there are some.
	StoryboardURL *string `json:"storyboardUrl,omitempty"`
	// Captions are what a player shows with the picture; HLS players find them by themselves.
	Captions []StreamCaptions `json:"captions,omitempty"`
	// Chapters are absent without chapters.
	Chapters *StreamChapters `json:"chapters,omitempty"`
	// ExpiresAt is when the URLs expire.
	ExpiresAt   time.Time `json:"expiresAt"`
	ContentType string    `json:"contentType" jsonschema:"enum=video,enum=audio,enum=written"`
	// ReadyVariants are the renditions that can be played.
	ReadyVariants []string `json:"readyVariants,omitempty"`
	// Downloadable says that the creator offers the item for download.
	Downloadable bool `json:"downloadable"`
	// ContentBody is the text of written content.
	ContentBody *string `json:"contentBody,omitempty"`
}

// BegunDownload is a download with its URL, a credential.
type BegunDownload struct {
	DownloadID string `json:"downloadId" jsonschema:"format=uuid"`
	MediaID    string `json:"mediaId" jsonschema:"format=uuid"`
	// Filename is the name under which browsers save the file.
	Filename    string `json:"filename" jsonschema:"example=Falling water.mp4"`
	ContentType string `json:"contentType" jsonschema:"example=video/mp4"`
	SizeBytes   int64  `json:"sizeBytes"`
	// URL leads to the file until expiresAt.
	URL       string    `json:"url" jsonschema:"format=uri"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// ProgressAnswer is the caller's progress in one item; null before the first report.
type ProgressAnswer struct {
	Progress *Progress `json:"progress"`
}

// Decision is whether and why a user may see an item.
type Decision struct {
	ContentID string `json:"contentId"`
	// UserID is the user whom the decision is about.
	UserID string `json:"userId"`
	// Decision and Allowed say the same.
	Decision string `json:"decision" jsonschema:"enum=allow,enum=deny"`
	Allowed  bool   `json:"allowed"`
	// Rule is the rule of the item, Reason the reason of the decision.
	Rule   access.Rule   `json:"rule"`
	Reason access.Reason `json:"reason"`
	// GrantID names the grant that decided, if one did.
	GrantID *string `json:"grantId"`
	// Grants are all that were considered.
	Grants []Grant `json:"grants"`
}

// Grant is one source of access.
type Grant struct {
	ID     string        `json:"id"`
	Source access.Source `json:"source"`
	// SourceID is the id of the source, for example of the purchase.
	SourceID string `json:"sourceId"`
	// SourceEventID is the event that put the grant into its state; null for a grant
	// without one.
	SourceEventID *string `json:"sourceEventId"`
	// SourceVersion is the version of the source after its newest event that counted;
	// 0 for a source without events.
	SourceVersion int64        `json:"sourceVersion"`
	State         access.State `json:"state" jsonschema:"enum=live,enum=revoked,enum=expired"`
	CreatedAt     time.Time    `json:"createdAt"`
	ExpiresAt     *time.Time   `json:"expiresAt"`
	RevokedAt     *time.Time   `json:"revokedAt"`
	RevokedReason *string      `json:"revokedReason"`
}

func decisionOf(contentID string, viewer access.Viewer, v access.Verdict, now time.Time) Decision {
	d := Decision{
		ContentID: contentID,
		UserID:    viewer.UserID,
		Decision:  "deny",
		Allowed:   v.Allowed,
		Rule:      v.Rule,
		Reason:    v.Reason,
		Grants:    make([]Grant, len(viewer.Grants)),
	}
	if v.Allowed {
		d.Decision = "allow"
	}
	if v.Grant != nil {
		d.GrantID = &v.Grant.ID
	}
	for i, g := range viewer.Grants {
		d.Grants[i] = Grant{
			ID:            g.ID,
			Source:        g.Source,
			SourceID:      g.SourceID,
			SourceEventID: domain.NilIfZero(g.SourceEventID),
			SourceVersion: g.SourceVersion,
			State:         g.State(now),
			CreatedAt:     g.CreatedAt,
			ExpiresAt:     g.ExpiresAt,
			RevokedAt:     g.RevokedAt,
			RevokedReason: domain.NilIfZero(g.RevokedReason),
		}
	}
	return d
}

// Progress is how far a user got in an item.
type Progress struct {
	PositionSeconds int       `json:"positionSeconds"`
	DurationSeconds int       `json:"durationSeconds"`
	Completed       bool      `json:"completed"`
	UpdatedAt       time.Time `json:"updatedAt"`
}

func progressOf(p access.Playback) Progress {
	return Progress{
		PositionSeconds: p.PositionSeconds,
		DurationSeconds: p.DurationSeconds,
		Completed:       p.Completed,
		UpdatedAt:       p.UpdatedAt,
	}
}

// LibraryItem is one item of a user's library.
type LibraryItem struct {
	Content    LibraryContent   `json:"content"`
	AccessType string           `json:"accessType"`
	Purchase   *LibraryPurchase `json:"purchase"`
	Progress   *LibraryProgress `json:"progress"`
}

// LibraryContent is a summary of an item.
type LibraryContent struct {
	ID               string  `json:"id"`
	Slug             string  `json:"slug"`
	Title            string  `json:"title"`
	Description      *string `json:"description"`
	ThumbnailURL     *string `json:"thumbnailUrl"`
	ContentType      string  `json:"contentType"`
	DurationSeconds  *int    `json:"durationSeconds"`
	OrganizationID   *string `json:"organizationId"`
	OrganizationSlug *string `json:"organizationSlug"`
}

// LibraryPurchase is when and for how much an item was bought.
type LibraryPurchase struct {
	PurchasedAt time.Time `json:"purchasedAt"`
	PriceCents  int64     `json:"priceCents"`
	// Currency is that of the payment, whose minor unit priceCents counts.
	Currency string `json:"currency"`
}

// LibraryProgress is progress with its share of the whole, from 0 to 100.
type LibraryProgress struct {
	Progress
	PercentComplete int `json:"percentComplete"`
}
