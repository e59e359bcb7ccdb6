package ingest

import (
	"strings"

	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/handlers/edge"
	"github.com/codex-platform/codex/handlers/view"
)

// resources are what the responses to the commands of media show. The others say only what was
// begun or ignored.
func (i *ingest) resources() []edge.Resource {
	return []edge.Resource{
		{Commands: []string{media.CommandRegister, media.CommandUpdate, media.CommandReject}, Read: i.readMedia},
		{Commands: []string{media.CommandSetCaptions}, Read: i.readCaptions},
		{Commands: []string{media.CommandSetChapters}, Read: i.readChapters},
		{Commands: []string{media.CommandOpenParts}, Read: i.readUpload},
	}
}

func (i *ingest) readMedia(r *edge.Request, id string) (any, error) {
	item, err := i.mediaOf(r, id)
	if err != nil {
		return nil, err
	}
	return edge.Single{Data: view.MediaOf(item)}, nil
}

// partID is the id of a resource that is a part of an item.
func partID(mediaID, part string) string { return mediaID + "/" + part }

func (i *ingest) readCaptions(r *edge.Request, id string) (any, error) {
	mediaID, language, _ := strings.Cut(id, "/")
	item, err := i.mediaOf(r, mediaID)
	if err != nil {
		return nil, err
	}
	track, found := item.CaptionsIn(language)
	if !found {
		return nil, media.ErrCaptionsNotFound
	}
	return edge.Single{Data: track}, nil
}

func (i *ingest) readChapters(r *edge.Request, id string) (any, error) {
	item, err := i.mediaOf(r, id)
	if err != nil {
		return nil, err
	}
	return edge.Single{Data: item.Chapters.Document()}, nil
}

func (i *ingest) readUpload(r *edge.Request, id string) (any, error) {
	mediaID, uploadID, _ := strings.Cut(id, "/")
	item, err := i.mediaOf(r, mediaID)
	if err != nil {
		return nil, err
	}
	upload, found, err := postgres.FindParts(r, i.cfg.Pool, item.ID, uploadID)
	if err == nil && (!found || upload.Status == media.PartsAborted) {
		err = media.ErrPartsNotFound
	}
	if err != nil {
		return nil, err
	}
	return edge.Single{Data: uploadOf(upload)}, nil
}
