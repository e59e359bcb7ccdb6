package images

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
	"github.com/codex-platform/codex/handlers/edge"
)

const (
	// svgPolicy permits an SVG nothing but its own style. Opened by its URL, an SVG is a document.
	svgPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
	// Names are never reused, except those of media thumbnails, which another transcoding may
	// overwrite. The policy of an SVG may have to change.
	cacheForever = "public, max-age=31536000, immutable"
	cacheHour    = "public, max-age=3600"
)

var errNoAsset = domain.Missing("", "Picture")

// assetRoute serves pictures from their bucket where no CDN does. Only names of public
// pictures are read from the bucket.
func (i *images) assetRoute() edge.Route {
	return edge.Route{
		Method: http.MethodGet,
		Path:   "/assets/*key",
		Name:   "getAsset",
		Params: []edge.Param{edge.TextParam("key", 0)},
		Page:   true,
		Handle: i.serveAsset,
	}
}

func (i *images) serveAsset(r *edge.Request) error {
	key := strings.TrimPrefix(r.Text("key"), "/")
	kind, ok := media.AssetType(key)
	if !ok {
		return errNoAsset
	}
	object, err := i.cfg.Store.Get(r, key, s3.Range{}, "")
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return errNoAsset
	case err != nil:
		return unavailable(r, err)
	}
	defer func() { _ = object.Body.Close() }()
	h := r.Writer.Header()
	h.Set("Cache-Control", cacheForever)
	h.Set("Content-Security-Policy", "default-src 'none'")
	if kind == media.SVG {
		h.Set("Content-Security-Policy", svgPolicy)
		h.Set("Cache-Control", cacheHour)
	} else if strings.Contains(key, "/media-thumbnails/") {
		h.Set("Cache-Control", cacheHour)
	}
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("ETag", object.ETag)
	if object.ETag != "" && r.GetHeader("If-None-Match") == object.ETag {
		r.Status(http.StatusNotModified)
		r.Writer.WriteHeaderNow()
		return nil
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.FormatInt(object.Size, 10))
	r.Status(http.StatusOK)
	if _, err := io.Copy(r.Writer, object.Body); err != nil {
		r.Log().WarnContext(r, "picture not sent in full", "request", r.ID(), "error", err)
	}
	return nil
}
