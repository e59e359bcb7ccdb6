package images

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"path"
	"slices"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/ffmpeg"
	"github.com/codex-platform/codex/domain/media/postgres"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

// maxPlaylistBytes limits a playlist: that of a day has 600 KB.
const maxPlaylistBytes = 2 << 20

// posterForm is the form of an upload, for the OpenAPI description.
type posterForm struct {
	Poster string `json:"poster" jsonschema:"required,format=binary"`
}

var posterErrors = []*domain.Error{media.ErrNotFound}

// posterRoutes declares the posters of media items.
func (i *images) posterRoutes() []edge.Route {
	return []edge.Route{
		{
			Method:    http.MethodPost,
			Path:      "/api/media/:id/poster",
			Name:      "uploadPoster",
			Summary:   "Upload the poster of own media",
			Notes:     bitmapNotes,
			Auth:      edge.Session(edge.Creators...),
			Body:      posterForm{},
			BodyType:  formType,
			Command:   media.CommandAttachImage,
			Responses: []edge.Response{edge.Data[Poster](http.StatusOK)},
			Errors:    slices.Concat(posterErrors, uploadErrors),
			Handle:    i.upload(media.Poster, i.ownMedia),
		},
		{
			Method:  http.MethodPut,
			Path:    "/api/media/:id/poster",
			Name:    "choosePoster",
			Summary: "Choose a time of own media as its poster",
			Notes:   "The picture is taken from the best rendition. " + storedNotes,
			Auth:    edge.Session(edge.Creators...),
			Body:    media.PosterTime{},
			Command: media.CommandAttachImage,
			Responses: []edge.Response{
				edge.Data[Poster](http.StatusOK),
			},
			Errors: slices.Concat(posterErrors, []*domain.Error{
				media.ErrState,
				media.ErrNoFrame,
				media.ErrImageGone,
				media.ErrNoImages,
				edge.ErrUnavailable,
			}),
			Handle: i.choosePoster,
		},
		{
			Method:    http.MethodDelete,
			Path:      "/api/media/:id/poster",
			Name:      "removePoster",
			Summary:   "Use the automatic poster of own media",
			Auth:      edge.Session(edge.Creators...),
			Command:   media.CommandRemoveImage,
			Responses: []edge.Response{edge.NoContent},
			Errors:    posterErrors,
			Handle:    edge.SendForID(media.RemoveImage{Kind: media.Poster}),
		},
	}
}

// ownMedia returns the caller's own media item. The command checks it again.
func (i *images) ownMedia(r *edge.Request) (owner, error) {
	item, err := i.mediaOfCaller(r, r.UUID("id"))
	return owner{id: item.ID, creator: item.CreatorID}, err
}

func (i *images) mediaOfCaller(r *edge.Request, id string) (media.Item, error) {
	item, found, err := postgres.Find(r, i.cfg.Pool, id)
	if err == nil && (!found || item.CreatorID != r.Actor().UserID || item.DeletedAt != nil) {
		err = media.ErrNotFound
	}
	return item, err
}

// choosePoster makes the picture at a time the poster. It is read from the best rendition, of which
// only the segment with this time is fetched: a few megabytes of a film of any length.
func (i *images) choosePoster(r *edge.Request) error {
	var chosen media.PosterTime
	if err := r.Decode(&chosen); err != nil {
		return err
	}
	if err := domain.BadFields(domain.Check(chosen)); err != nil {
		return err
	}
	if i.cfg.Maker == nil || i.cfg.Frames == nil {
		return media.ErrNoImages
	}
	item, err := i.mediaOfCaller(r, r.UUID("id"))
	if err == nil {
		err = item.HasFrame(*chosen.TimeSeconds)
	}
	if err != nil {
		return err
	}
	// A millisecond more or less is the same picture.
	digest := sha256.Sum256(fmt.Appendf(nil, "at %d ms", int64(math.Round(*chosen.TimeSeconds*1000))))
	o := owner{id: item.ID, creator: item.CreatorID}
	return i.attach(r, media.Poster, o, digest, func() (pictureFile, error) {
		content, err := i.frame(r, item, *chosen.TimeSeconds)
		return pictureFile{content: content, mime: "image/jpeg"}, err
	})
}

// frame returns the picture of an item at a time.
func (i *images) frame(r *edge.Request, item media.Item, seconds float64) ([]byte, error) {
	folder := path.Join(path.Dir(item.MasterKey), item.ReadyVariants[0])
	playlist, err := i.cfg.Renditions.Read(r, folder+"/index.m3u8", s3.Range{}, "", maxPlaylistBytes)
	if err != nil {
		return nil, frameError(r, err)
	}
	place, err := ffmpeg.Locate(string(playlist), seconds)
	if err != nil {
		return nil, media.ErrNoFrame // of a transcoder with other playlists
	}
	var fragment []byte
	for _, span := range []ffmpeg.Span{place.Header, place.Segment} {
		part := s3.Range{Offset: span.Offset, Length: span.Length}
		content, err := i.cfg.Renditions.Read(r, folder+"/"+place.File, part, "", span.Length)
		if err != nil {
			return nil, frameError(r, err)
		}
		fragment = append(fragment, content...)
	}
	release, err := i.slot(r, r.Actor().UserID)
	if err != nil {
		return nil, err
	}
	defer release()
	content, err := i.cfg.Frames.Frame(r, fragment, place.Seconds)
	var reject *ffmpeg.RejectError
	if errors.As(err, &reject) && reject.Code != ffmpeg.TimedOut {
		return nil, media.ErrNoFrame
	}
	if err != nil {
		return nil, conversionError(err)
	}
	return content, nil
}

func frameError(r *edge.Request, err error) error {
	if errors.Is(err, s3.ErrNotFound) {
		return media.ErrNoFrame
	}
	return unavailable(r, err)
}
