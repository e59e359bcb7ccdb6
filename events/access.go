package events

func init() {
	register[AccessGranted]("A user may see a content item, from one source.")
	register[AccessRevoked]("One source of a user's access ended; others are untouched.")
	register[PodcastFeedOpened]("A user's private podcast feed of an organization got a new address.")
	register[PodcastFeedRevoked]("The address of a user's private podcast feed ended.")
	register[PlaybackStarted]("A user began to play a content item, for the first time.")
	register[PlaybackProgressed]("A user's furthest position in a content item moved on.")
	register[PlaybackCompleted]("A user reached the end (95 %) of a content item for the first time.")
}

// AccessGranted : one grant, from one source.
type AccessGranted struct {
	GrantID        string `json:"grant_id"`
	UserID         string `json:"user_id"`
	ContentID      string `json:"content_id"`
	OrganizationID string `json:"organization_id,omitempty"`
	// SourceType is purchased, complimentary, subscription or preview.
	SourceType string `json:"source_type"`
	// SourceID names what the grant rests on, for example the purchase.
	SourceID string `json:"source_id"`
}

// AccessRevoked : that grant ended.
type AccessRevoked struct {
	GrantID    string `json:"grant_id"`
	UserID     string `json:"user_id"`
	ContentID  string `json:"content_id"`
	SourceType string `json:"source_type"`
	SourceID   string `json:"source_id"`
	// Reason is refund, dispute or admin.
	Reason string `json:"reason"`
}

// PodcastFeedOpened : the address before, if there was one, is not valid any more.
type PodcastFeedOpened struct {
	FeedID         string `json:"feed_id"`
	UserID         string `json:"user_id"`
	OrganizationID string `json:"organization_id"`
}

// PodcastFeedRevoked : no address of the feed is valid any more.
type PodcastFeedRevoked struct {
	FeedID         string `json:"feed_id"`
	UserID         string `json:"user_id"`
	OrganizationID string `json:"organization_id"`
}

// PlaybackStarted : the first report of a user about an item.
type PlaybackStarted struct {
	UserID    string `json:"user_id"`
	ContentID string `json:"content_id"`
}

// PlaybackProgressed : the furthest position so far.
type PlaybackProgressed struct {
	UserID          string `json:"user_id"`
	ContentID       string `json:"content_id"`
	PositionSeconds int    `json:"position_seconds"`
	DurationSeconds int    `json:"duration_seconds"`
}

// PlaybackCompleted : at least 95 % was reached.
type PlaybackCompleted struct {
	UserID    string `json:"user_id"`
	ContentID string `json:"content_id"`
}

// EventType implements Payload.
func (AccessGranted) EventType() string { return "access.granted" }

// EventType implements Payload.
func (AccessRevoked) EventType() string { return "access.revoked" }

// EventType implements Payload.
func (PodcastFeedOpened) EventType() string { return "podcast.feed_opened" }

// EventType implements Payload.
func (PodcastFeedRevoked) EventType() string { return "podcast.feed_revoked" }

// EventType implements Payload.
func (PlaybackStarted) EventType() string { return "playback.started" }

// EventType implements Payload.
func (PlaybackProgressed) EventType() string { return "playback.progressed" }

// EventType implements Payload.
func (PlaybackCompleted) EventType() string { return "playback.completed" }
