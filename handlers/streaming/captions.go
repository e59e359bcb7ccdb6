package streaming

import (
	"net/http"

	"github.com/codex-platform/codex/domain/access/hls"
	"github.com/codex-platform/codex/domain/media"
	mediapg "github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

// captionsType is the media type of WebVTT, which is always UTF-8.
const captionsType = "text/vtt"

// captionRoutes declares the captions of a stream: a playlist for HLS players, and the text.
func (s *streaming) captionRoutes() []edge.Route {
	language := edge.Param{Name: "language", Doc: "of the stream's captions"}
	route := func(file, name, summary, kind string, handle func(*edge.Request)) edge.Route {
		return edge.Route{
			Method:  "GET",
			Path:    "/api/access/content/:id/captions/:language/" + file,
			Name:    name,
			Summary: summary,
			Notes: "Takes the token of the stream's URL and decides about access again. Errors are plain text: " +
				"403 for a bad or expired token and for denied access, 404 for a language without captions.",
			Auth:      edge.PlaybackToken,
			Limit:     edge.LimitFiles,
			Params:    []edge.Param{language, tokenParam},
			Responses: []edge.Response{{Status: http.StatusOK, Body: "", Type: kind}},
			Handle: func(c *edge.Request) error {
				handle(c)
				return nil
			},
		}
	}
	return []edge.Route{
		route("index.m3u8", "getCaptionsPlaylist", "Get the playlist of captions", hls.ContentType, s.captionsPlaylist),
		route("text.vtt", "getCaptions", "Get captions", captionsType, s.captionsText),
	}
}

func (s *streaming) captionsPlaylist(c *edge.Request) {
	p, track, err := s.admitCaptions(c)
	if err != nil {
		s.refuse(c, err, "captions not found")
		return
	}
	noStore(c)
	address := s.captionsURL(c.UUID("id"), track.Language, "text.vtt", c.Text("token"))
	c.Data(http.StatusOK, hls.ContentType, []byte(hls.SubtitlesPlaylist(address, p.seconds)))
}

func (s *streaming) captionsText(c *edge.Request) {
	p, track, err := s.admitCaptions(c)
	var text string
	if err == nil {
		var found bool
		if text, found, err = mediapg.Captions(c, s.cfg.Pool, p.mediaID, track.Language); err == nil && !found {
			err = s3.ErrNotFound
		}
	}
	if err != nil {
		s.refuse(c, err, "captions not found")
		return
	}
	noStore(c)
	c.Data(http.StatusOK, captionsType, []byte(text))
}

// admitCaptions admits a request for a language, or fails with the errors of admit.
func (s *streaming) admitCaptions(c *edge.Request) (played, media.CaptionTrack, error) {
	claims, err := s.claims(c)
	if err != nil {
		return played{}, media.CaptionTrack{}, err
	}
	p, err := s.admit(c, claims)
	if err != nil {
		return played{}, media.CaptionTrack{}, err
	}
	track, found := media.Item{Captions: p.captions}.CaptionsIn(c.Text("language"))
	if !found {
		return played{}, media.CaptionTrack{}, s3.ErrNotFound
	}
	return p, track, nil
}

func (s *streaming) captionsURL(contentID, language, file, text string) string {
	return s.fileURL(contentID, "captions/"+language+"/"+file, text)
}

// captionsOf returns an item's captions for a viewer.
func (s *streaming) captionsOf(contentID string, p played, text string) []StreamCaptions {
	list := make([]StreamCaptions, len(p.captions))
	for i, track := range p.captions {
		list[i] = StreamCaptions{
			Language: track.Language,
			Label:    track.Label,
			Kind:     track.Kind,
			Default:  track.Default,
			Forced:   track.Forced,
			URL:      s.captionsURL(contentID, track.Language, "text.vtt", text),
		}
	}
	return list
}

// subtitlesOf returns an item's captions for the master playlist.
func (s *streaming) subtitlesOf(contentID string, p played, text string) []hls.Subtitles {
	list := make([]hls.Subtitles, len(p.captions))
	for i, track := range p.captions {
		list[i] = hls.Subtitles{
			Language: track.Language,
			Name:     track.Label,
			URL:      s.captionsURL(contentID, track.Language, "index.m3u8", text),
			Sounds:   track.Kind == media.Captions,
			Default:  track.Default,
			Forced:   track.Forced,
		}
	}
	return list
}
