package streaming

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/captions"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

// chaptersType is the media type of the JSON chapters of Podcasting 2.0.
const chaptersType = "application/json+chapters"

// chapterRoutes declares the chapters of a stream, in the two formats that players read.
func (s *streaming) chapterRoutes() []edge.Route {
	route := func(file, name, summary, kind string, write func(played) ([]byte, error)) edge.Route {
		route := s.textRoute(file, name, summary, kind)
		route.Handle = func(c *edge.Request) error {
			s.text(c, kind, "chapters not found", write)
			return nil
		}
		return route
	}
	return []edge.Route{
		route("chapters.json", "getChapters", "Get chapters as JSON of Podcasting 2.0", chaptersType, chaptersJSON),
		route("chapters.vtt", "getChaptersTrack", "Get chapters as WebVTT", captionsType, chaptersTrack),
	}
}

// textRoute declares a text that belongs to a stream, without its handler.
func (s *streaming) textRoute(file, name, summary, kind string) edge.Route {
	return edge.Route{
		Method:  "GET",
		Path:    "/api/access/content/:id/" + file,
		Name:    name,
		Summary: summary,
		Notes: "Takes the token of the stream's URL and decides about access again. Errors are plain text: " +
			"403 for a bad or expired token and for denied access, 404 for media that has none.",
		Auth:      edge.PlaybackToken,
		Limit:     edge.LimitFiles,
		Params:    []edge.Param{tokenParam},
		Responses: []edge.Response{{Status: http.StatusOK, Body: "", Type: kind}},
	}
}

// text responds with a text about what is played, which write returns; nil when there is none.
func (s *streaming) text(c *edge.Request, kind, missing string, write func(played) ([]byte, error)) {
	claims, err := s.claims(c)
	var p played
	if err == nil {
		p, err = s.admit(c, claims)
	}
	var text []byte
	if err == nil {
		if text, err = write(p); err == nil && text == nil {
			err = s3.ErrNotFound
		}
	}
	if err != nil {
		s.refuse(c, err, missing)
		return
	}
	noStore(c)
	c.Data(http.StatusOK, kind, text)
}

func chaptersJSON(p played) ([]byte, error) {
	if len(p.chapters.List) == 0 {
		return nil, nil
	}
	return json.Marshal(p.chapters.Document())
}

// chaptersTrack returns the text for a track element of kind chapters: each lasts until the next.
func chaptersTrack(p played) ([]byte, error) {
	list := p.chapters.List
	if len(list) == 0 {
		return nil, nil
	}
	track := captions.Track{Cues: make([]captions.Cue, len(list))}
	for i, chapter := range list {
		end := float64(p.seconds)
		if i+1 < len(list) {
			end = list[i+1].StartTime
		}
		track.Cues[i] = captions.Cue{
			Start: seconds(chapter.StartTime),
			End:   seconds(max(end, chapter.StartTime+0.001)),
			Text:  strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(chapter.Title),
		}
	}
	return []byte(track.WebVTT()), nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// chaptersOf returns the URLs of an item's chapters, nil without chapters.
func (s *streaming) chaptersOf(contentID string, list media.Chapters, text string) *StreamChapters {
	if len(list.List) == 0 {
		return nil
	}
	return &StreamChapters{
		URL:      s.fileURL(contentID, "chapters.json", text),
		TrackURL: s.fileURL(contentID, "chapters.vtt", text),
	}
}
