package ingest

import (
	"net/http"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
	"github.com/codex-platform/codex/handlers/commands"
	"github.com/codex-platform/codex/handlers/edge"
)

// chapterRoutes declares the chapters of an item. Viewers get them with the stream.
func (i *ingest) chapterRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:    "GET",
			Path:      "/api/media/:id/chapters",
			Name:      "getMediaChapters",
			Summary:   "Get the chapters of own media",
			Auth:      edge.Session(),
			Responses: []edge.Response{edge.Data[media.ChaptersDocument](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound},
			Handle:    i.getChapters,
		},
		{
			Method:  "PUT",
			Path:    "/api/media/:id/chapters",
			Name:    "setChapters",
			Summary: "Set the chapters of own media",
			Notes: "Replaces all chapters, those of the file as well; an empty list removes them. They are sorted by their " +
				"starts, which must differ and be inside the duration.",
			Auth:      edge.Session(edge.Creators...),
			Body:      media.SetChapters{},
			Command:   media.CommandSetChapters,
			Responses: []edge.Response{edge.Data[media.ChaptersDocument](http.StatusOK)},
			Errors:    []*domain.Error{media.ErrNotFound},
			Handle:    i.setChapters,
		},
	}
}

func (i *ingest) getChapters(r *edge.Request) error {
	item, err := i.ownMedia(r)
	if err != nil {
		return err
	}
	return r.OK(item.Chapters.Document())
}

func (i *ingest) setChapters(r *edge.Request) error {
	var request media.SetChapters
	if err := r.Decode(&request); err != nil {
		return err
	}
	if err := domain.BadFields(request.Validate()); err != nil {
		return err
	}
	return r.Send(r.UUID("id"), request)
}

func (b *mediaBatch) setChapters(cmd events.Command, p *media.SetChapters, now time.Time) (commands.Outcome, error) {
	next, payloads, err := b.items.Rows[cmd.AggregateID].SetChapters(*p, b.facts(cmd), now)
	if err != nil {
		return commands.Outcome{}, err
	}
	return commands.OK(next.Chapters.Document(), b.keep(next, payloads)...).Of(next.ID), nil
}
