package demo

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// podcastFeed is what a podcast app reads of RSS 2.0.
type podcastFeed struct {
	XMLName xml.Name `xml:"rss"`
	Channel struct {
		Title    string    `xml:"title"`
		Block    string    `xml:"http://www.itunes.com/dtds/podcast-1.0.dtd block"`
		Episodes []episode `xml:"item"`
	} `xml:"channel"`
}

// episode is an item with a file.
type episode struct {
	Title     string `xml:"title"`
	GUID      string `xml:"guid"`
	Enclosure struct {
		URL    string `xml:"url,attr"`
		Length int64  `xml:"length,attr"`
		Type   string `xml:"type,attr"`
	} `xml:"enclosure"`
	Chapters struct {
		URL string `xml:"url,attr"`
	} `xml:"https://podcastindex.org/namespace/1.0 chapters"`
}

// openPodcast gives the buyer a private feed of the organization.
func (s *show) openPodcast(ctx context.Context) error {
	path := "/api/access/organizations/" + s.organization + "/podcast"
	if _, err := s.buyer.must(ctx, http.StatusOK, http.MethodPost, path, nil); err != nil {
		return err
	}
	a, err := s.buyer.must(ctx, http.StatusOK, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	opened, err := one[struct{ FeedURL string }](a)
	s.podcastURL = opened.FeedURL
	return err
}

// readPodcast fetches the feed with nothing but its address, as podcast apps do.
func (s *show) readPodcast(ctx context.Context) (podcastFeed, error) {
	text, err := s.text(ctx, s.podcastURL, "application/rss+xml")
	if err != nil {
		return podcastFeed{}, err
	}
	return parsePodcast(text)
}

func parsePodcast(text string) (podcastFeed, error) {
	var feed podcastFeed
	if err := xml.Unmarshal([]byte(text), &feed); err != nil {
		return feed, fmt.Errorf("read the podcast feed: %w", err)
	}
	if feed.Channel.Title == "" || feed.Channel.Block != "Yes" {
		return feed, differs("a feed with a title that asks not to be listed",
			"title %q, block %q", feed.Channel.Title, feed.Channel.Block)
	}
	return feed, nil
}

// expectNoEpisodes expects the feed to hide what its user has no access to.
func (s *show) expectNoEpisodes(ctx context.Context) error {
	feed, err := s.readPodcast(ctx)
	if n := len(feed.Channel.Episodes); err == nil && n != 0 {
		err = differs("no episode in the podcast feed without access", "%d", n)
	}
	return err
}

// episodeType is the type of every enclosure.
const episodeType = "audio/x-m4a"

// playPodcast plays the sound of the video in a podcast app: the feed, every range of its enclosure, the
// chapters.
func (s *show) playPodcast(ctx context.Context) (string, error) {
	feed, err := s.readPodcast(ctx)
	if err != nil {
		return "", err
	}
	if n := len(feed.Channel.Episodes); n != 1 {
		return "", differs("the video, alone, in the podcast feed", "%d episodes", n)
	}
	e := feed.Channel.Episodes[0]
	file := e.Enclosure
	if e.Title != s.content.title || e.GUID != s.content.id || file.Type != episodeType || file.Length <= 0 {
		return "", differs(s.content.title+" as "+episodeType, "%q as %d bytes of %q", e.Title, file.Length, file.Type)
	}
	parts, err := s.fetchEpisode(ctx, e)
	if err != nil {
		return "", fmt.Errorf("enclosure: %w", err)
	}
	if err := s.checkChapters(ctx, e.Chapters.URL); err != nil {
		return "", fmt.Errorf("chapters of the episode: %w", err)
	}
	s.episodeURL = file.URL
	said := fmt.Sprintf("1 episode, %s of sound in %d ranges", size(file.Length), parts)
	s.report.measure("podcast feed", said, "decoded")
	return said, nil
}

// fetchEpisode fetches an enclosure in ranges, decodes it, and returns how many ranges it was.
func (s *show) fetchEpisode(ctx context.Context, e episode) (int, error) {
	const rangeBytes = 100_000
	var parts []part
	for offset := int64(0); offset < e.Enclosure.Length; offset += rangeBytes {
		parts = append(parts, part{
			url:    e.Enclosure.URL,
			offset: offset,
			length: min(rangeBytes, e.Enclosure.Length-offset),
		})
	}
	r := rendition{variant: variant{sound: true}, path: filepath.Join(s.dir, "episode.m4a")}
	file, err := os.Create(r.path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	_, err = fetchParts(ctx, s.player, parts, func(p []byte) error {
		_, err := file.Write(p)
		return err
	})
	if err == nil {
		err = file.Close()
	}
	if err == nil {
		_, err = r.decode(ctx)
	}
	return len(parts), err
}
