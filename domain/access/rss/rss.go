// Package rss writes the private podcast feeds of viewers: RSS 2.0 with the namespaces of Apple
// Podcasts and Podcasting 2.0.
//
// A feed names no person. It asks not to be listed (itunes:block) and not to be imported elsewhere
// (podcast:locked). The same show and episodes give the same bytes, so that their hash is an ETag.
package rss

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// ContentType is the media type of a feed.
const ContentType = "application/rss+xml; charset=utf-8"

// maxText is how many bytes Apple reads of a description.
const maxText = 4000

// Show is the channel of a feed.
type Show struct {
	Title       string
	Description string
	// Link leads to a page for people.
	Link string
	// Address is one that never changes, whatever else does: podcast:guid follows from it.
	Address string
	// Language is an ISO 639 code.
	Language string
	// Image is the URL of a square PNG or JPEG of 1400 to 3000 pixels.
	Image string
	// Category is one of Apple's.
	Category string
	// ChangedAt is when anything in the feed changed last.
	ChangedAt time.Time
}

// Episode is an item of a feed.
type Episode struct {
	// ID never changes, whatever else does.
	ID          string
	Title       string
	Description string
	PublishedAt time.Time
	Seconds     int
	// Audio is the URL of the file, whose path ends with the extension of its type.
	Audio      string
	AudioBytes int64
	AudioType  string
	// Chapters is the URL of JSON chapters, "" for none.
	Chapters string
}

type document struct {
	XMLName xml.Name `xml:"rss"`
	Version string   `xml:"version,attr"`
	ITunes  string   `xml:"xmlns:itunes,attr"`
	Podcast string   `xml:"xmlns:podcast,attr"`
	Channel channel  `xml:"channel"`
}

type channel struct {
	Title         string   `xml:"title"`
	Link          string   `xml:"link"`
	Description   string   `xml:"description"`
	Language      string   `xml:"language"`
	LastBuildDate string   `xml:"lastBuildDate"`
	Generator     string   `xml:"generator"`
	Author        string   `xml:"itunes:author"`
	Image         href     `xml:"itunes:image"`
	Category      category `xml:"itunes:category"`
	Explicit      string   `xml:"itunes:explicit"`
	Type          string   `xml:"itunes:type"`
	Block         string   `xml:"itunes:block"`
	GUID          string   `xml:"podcast:guid"`
	Locked        string   `xml:"podcast:locked"`
	Medium        string   `xml:"podcast:medium"`
	Items         []item   `xml:"item"`
}

type href struct {
	URL string `xml:"href,attr"`
}

type category struct {
	Name string `xml:"text,attr"`
}

type item struct {
	Title       string    `xml:"title"`
	Description string    `xml:"description,omitempty"`
	GUID        guid      `xml:"guid"`
	PubDate     string    `xml:"pubDate"`
	Enclosure   enclosure `xml:"enclosure"`
	Duration    int       `xml:"itunes:duration,omitempty"`
	Explicit    string    `xml:"itunes:explicit"`
	Type        string    `xml:"itunes:episodeType"`
	Chapters    *chapters `xml:"podcast:chapters"`
}

type guid struct {
	PermaLink string `xml:"isPermaLink,attr"`
	ID        string `xml:",chardata"`
}

type enclosure struct {
	URL    string `xml:"url,attr"`
	Length int64  `xml:"length,attr"`
	Type   string `xml:"type,attr"`
}

type chapters struct {
	URL  string `xml:"url,attr"`
	Type string `xml:"type,attr"`
}

// ChaptersType is the media type of the JSON chapters of Podcasting 2.0.
const ChaptersType = "application/json+chapters"

// Feed returns the document.
func Feed(show Show, episodes []Episode) ([]byte, error) {
	c := channel{
		Title:         show.Title,
		Link:          show.Link,
		Description:   limit(show.Description),
		Language:      show.Language,
		LastBuildDate: date(show.ChangedAt),
		Generator:     "Codex",
		Author:        show.Title,
		Image:         href{show.Image},
		Category:      category{show.Category},
		Explicit:      "false",
		Type:          "episodic",
		Block:         "Yes",
		GUID:          showGUID(show.Address),
		Locked:        "yes",
		Medium:        "podcast",
	}
	for _, e := range episodes {
		i := item{
			Title:       e.Title,
			Description: limit(e.Description),
			GUID:        guid{"false", e.ID},
			PubDate:     date(e.PublishedAt),
			Enclosure:   enclosure{e.Audio, e.AudioBytes, e.AudioType},
			Duration:    e.Seconds,
			Explicit:    "false",
			Type:        "full",
		}
		if e.Chapters != "" {
			i.Chapters = &chapters{e.Chapters, ChaptersType}
		}
		c.Items = append(c.Items, i)
	}
	body, err := xml.MarshalIndent(document{
		Version: "2.0",
		ITunes:  "http://www.itunes.com/dtds/podcast-1.0.dtd",
		Podcast: "https://podcastindex.org/namespace/1.0",
		Channel: c,
	}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write feed: %w", err)
	}
	return append([]byte(xml.Header), append(body, '\n')...), nil
}

// podcastSpace is the name space of podcast:guid, from the specification of Podcasting 2.0.
var podcastSpace = uuid.MustParse("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")

// showGUID returns the podcast:guid of an address: without its scheme and slashes at its end.
func showGUID(address string) string {
	_, name, _ := strings.Cut(address, "://")
	return uuid.NewSHA1(podcastSpace, []byte(strings.TrimRight(name, "/"))).String()
}

// date formats a time by RFC 2822.
func date(t time.Time) string { return t.UTC().Format(time.RFC1123Z) }

// limit shortens a text to what Apple reads, between characters.
func limit(s string) string {
	if len(s) <= maxText {
		return s
	}
	s = s[:maxText]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// WithToken adds a token to a URL.
func WithToken(address, token string) string { return address + "?token=" + url.QueryEscape(token) }
