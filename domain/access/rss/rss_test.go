package rss_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/codex-platform/codex/domain/access/rss"
)

func TestTheSameShowGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	show := rss.Show{Title: "A & B", Link: "https://codex.test/show", ChangedAt: time.Unix(1_800_000_000, 0)}
	episodes := []rss.Episode{{ID: "1", Title: "<One>", Description: strings.Repeat("ä", 4000)}}
	first, err := rss.Feed(show, episodes)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := rss.Feed(show, episodes)
	if !bytes.Equal(first, second) || !utf8.Valid(first) {
		t.Error("two feeds of one show differ, or are not valid text")
	}
	for _, want := range []string{"<title>A &amp; B</title>", "&lt;One&gt;", "Fri, 15 Jan 2027 08:00:00 +0000"} {
		if !strings.Contains(string(first), want) {
			t.Errorf("%s is missing in %s", want, first)
		}
	}
	if n := strings.Count(string(first), "ä"); n != 2000 {
		t.Errorf("description of %d characters", n)
	}
}

// The example of the specification of Podcasting 2.0.
func TestTheGUIDOfAShowFollowsFromItsAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"https://podnews.net/rss", "http://podnews.net/rss/"} {
		feed, err := rss.Feed(rss.Show{Address: address}, nil)
		if err != nil || !strings.Contains(string(feed), "<podcast:guid>9b024349-ccf0-5f69-a609-6b82873eab3c<") {
			t.Errorf("%s: %v %s", address, err, feed)
		}
	}
}

func TestCoversDifferBetweenShows(t *testing.T) {
	t.Parallel()
	one, err := rss.Cover("one")
	if err != nil {
		t.Fatal(err)
	}
	same, _ := rss.Cover("one")
	two, _ := rss.Cover("two")
	if !bytes.Equal(one, same) || bytes.Equal(one, two) {
		t.Error("covers do not follow from their show")
	}
}
