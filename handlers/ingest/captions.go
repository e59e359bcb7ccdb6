package ingest

import (
	"net/http"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/captions"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
)

var languageParam = edge.Param{Name: "language", Doc: "a BCP 47 tag, as en or pt-BR"}

// captionRoutes declares the captions of an item, one track per language. Viewers get them
// with the stream.
func (i *ingest) captionRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/api/media/:id/captions",
			Name:      "listCaptions",
			Summary:   "List the captions of own media",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[[]media.CaptionTrack](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound},
			Handle:    i.listCaptions,
		},
		{
			Method:    "GET",
			Path:      "/api/media/:id/captions/:language",
			Name:      "getMediaCaptions",
			Summary:   "Get the captions of own media in a language",
			Auth:      edge.Session(),
			Params:    []edge.Param{languageParam},
			Responses: []edge.Response{edge.Data[CaptionsText](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound, media.ErrCaptionsNotFound},
			Handle:    i.getCaptions,
		},
		{
			Method:  "PUT",
			Path:    "/api/media/:id/captions/:language",
			Name:    "setCaptions",
			Summary: "Set the captions of own media in a language",
			Notes: "Takes WebVTT or SubRip, and stores WebVTT. What is wrong with a text is named with its line. Style " +
				"sheets are kept and may not refer to files.",
			Auth:      edge.Session(edge.Creators...),
			Params:    []edge.Param{languageParam},
			Body:      media.CaptionText{},
			MaxBody:   4 << 20, // JSON may write six bytes for one
			Command:   media.CommandSetCaptions,
			Responses: []edge.Response{edge.Data[media.CaptionTrack](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound, media.ErrTooManyCaptions},
			Handle:    i.setCaptions,
		},
		{
			Method:    "DELETE",
			Path:      "/api/media/:id/captions/:language",
			Name:      "removeCaptions",
			Summary:   "Remove the captions of own media in a language",
			Auth:      edge.Session(edge.Creators...),
			Params:    []edge.Param{languageParam},
			Command:   media.CommandRemoveCaptions,
			Responses: []edge.Response{edge.NoContent},
			Errors:    []*domain.Error{media.ErrNotFound, media.ErrCaptionsNotFound},
			Handle:    i.removeCaptions,
		},
	}
}

func (i *ingest) listCaptions(r *edge.Request) error {
	item, err := i.ownMedia(r)
	if err != nil {
		return err
	}
	if item.Captions == nil {
		item.Captions = []media.CaptionTrack{}
	}
	return r.OK(item.Captions)
}

func (i *ingest) getCaptions(r *edge.Request) error {
	item, err := i.ownMedia(r)
	if err != nil {
		return err
	}
	track, found := item.CaptionsIn(r.Text("language"))
	if !found {
		return media.ErrCaptionsNotFound
	}
	text, found, err := postgres.Captions(r, i.cfg.Pool, item.ID, track.Language)
	if err != nil {
		return err
	}
	if !found {
		return media.ErrCaptionsNotFound // removed meanwhile
	}
	return r.OK(CaptionsText{CaptionTrack: track, Text: text})
}

func (i *ingest) setCaptions(r *edge.Request) error {
	request := media.SetCaptions{Language: r.Text("language")}
	if err := r.Decode(&request.CaptionText); err != nil {
		return err
	}
	if err := domain.BadFields(request.Validate()); err != nil {
		return err
	}
	if err := toWebVTT(&request.Text); err != nil {
		return err
	}
	return r.Send(r.UUID("id"), request)
}

// toWebVTT rewrites a text as WebVTT. The error names the line that is wrong.
func toWebVTT(text *string) error {
	track, err := captions.Parse(*text)
	if err != nil {
		return domain.BadFields([]domain.Field{{Path: "text", Message: err.Error()}})
	}
	*text = track.WebVTT()
	return nil
}

func (i *ingest) removeCaptions(r *edge.Request) error {
	if err := r.NoBody(); err != nil {
		return err
	}
	return r.Send(r.UUID("id"), media.RemoveCaptions{Language: r.Text("language")})
}

func (b *mediaBatch) setCaptions(cmd events.Command, p *media.SetCaptions, now time.Time) (commands.Outcome, error) {
	next, payloads, err := b.items.Rows[cmd.AggregateID].SetCaptions(*p, b.facts(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	if err := toWebVTT(&p.Text); err != nil {
		return commands.Outcome{}, err
	}
	track, _ := next.CaptionsIn(p.Language)
	b.captions = append(b.captions, captionChange{next.ID, track.Language, p.Text})
	return commands.OK(track, b.keep(next, payloads)...).Of(partID(next.ID, track.Language)), nil
}

func (b *mediaBatch) removeCaptions(
	cmd events.Command, p *media.RemoveCaptions, now time.Time,
) (commands.Outcome, error) {
	next, payloads, err := b.items.Rows[cmd.AggregateID].RemoveCaptions(*p, b.facts(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.NoContent(b.keep(next, payloads)...), nil
}

// captionChange is the text of captions that are set, "" of those that are removed.
type captionChange struct{ mediaID, language, text string }
