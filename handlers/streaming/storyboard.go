package streaming

import (
	"fmt"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/captions"
	"github.com/codex-platform/codex/handlers/edge"
)

// storyboardFile is the name of the track in the folder of the pictures.
const storyboardFile = "storyboard.vtt"

var spriteParam = edge.Param{Name: "picture", Doc: "the name of a file, from the track"}

// storyboardRoute declares the track with the small pictures that players show while the viewer
// seeks. The pictures are among the files of the stream.
func (s *streaming) storyboardRoute() edge.Route {
	route := s.textRoute(storyboardFile, "getStoryboard", "Get the storyboard as WebVTT", captionsType)
	route.Notes += " Each cue has the URL of a picture, and its part as #xywh=x,y,width,height."
	route.Handle = func(c *edge.Request) error {
		s.text(c, captionsType, "storyboard not found", func(p played) ([]byte, error) {
			return s.storyboardTrack(c.UUID("id"), p, c.Text("token")), nil
		})
		return nil
	}
	return route
}

// storyboardTrack returns nil when there is no storyboard.
func (s *streaming) storyboardTrack(contentID string, p played, token string) []byte {
	board := p.storyboard
	if board == nil || !media.SafeKey(board.Key) {
		return nil
	}
	track := captions.Track{Cues: make([]captions.Cue, board.Tiles)}
	for n := range track.Cues {
		end := float64((n + 1) * board.Interval)
		if n+1 == board.Tiles {
			end = max(end, float64(p.seconds)+1) // the duration is rounded
		}
		tile := board.Tile(n)
		track.Cues[n] = captions.Cue{
			Start: seconds(float64(n * board.Interval)),
			End:   seconds(end),
			Text: fmt.Sprintf("%s#xywh=%d,%d,%d,%d", s.fileURL(contentID, fmt.Sprintf("storyboard/%d.jpg", tile.File), token),
				tile.X, tile.Y, board.TileWidth, board.TileHeight),
		}
	}
	return []byte(track.WebVTT())
}

// spriteKey returns the key of a file of the storyboard, "" when there is none.
func spriteKey(c *edge.Request, p played) string {
	if p.storyboard == nil || !media.SafeKey(p.storyboard.Key) {
		return ""
	}
	return p.storyboard.File(c.Text("picture"))
}
