package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/domain/media/s3"
)

// AssetObjects is the bucket of pictures.
type AssetObjects interface {
	Get(ctx context.Context, key string, part s3.Range, etag string) (s3.Object, error)
}

// Assets serves pictures from their bucket where no CDN does. Only the names of
// pictures for the public are looked up at all.
type Assets struct {
	Objects AssetObjects
}

const (
	// drawingPolicy lets a drawing style itself and nothing else: it is a document when
	// somebody opens its address.
	drawingPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
	// The names of pictures are never used twice, save for those of media, which a new
	// transcoding may overwrite; a drawing's policy may have to change.
	cacheForEver = "public, max-age=31536000, immutable"
	cacheHour    = "public, max-age=3600"
)

var errNoAsset = domain.Missing("", "Picture")

// Routes declares where pictures are served.
func (a Assets) Routes(e *Edge) []Route {
	return []Route{{
		Method: http.MethodGet,
		Path:   "/assets/*key",
		Name:   "getAsset",
		Params: []Param{TextParam("key", 0)},
		Page:   true,
		Handle: func(r *Request) error { return a.serve(r, e) },
	}}
}

func (a Assets) serve(c *Request, e *Edge) error {
	key := strings.TrimPrefix(c.Text("key"), "/")
	kind, ok := media.AssetType(key)
	if !ok {
		return errNoAsset
	}
	object, err := a.Objects.Get(c, key, s3.Range{}, "")
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return errNoAsset
	case err != nil:
		return storeRefusal(c, e.cfg.Log, err)
	}
	defer func() { _ = object.Body.Close() }()
	h := c.Writer.Header()
	h.Set("Cache-Control", cacheForEver)
	h.Set("Content-Security-Policy", "default-src 'none'")
	if kind == media.SVG {
		h.Set("Content-Security-Policy", drawingPolicy)
		h.Set("Cache-Control", cacheHour)
	} else if strings.Contains(key, "/media-thumbnails/") {
		h.Set("Cache-Control", cacheHour)
	}
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("ETag", object.ETag)
	if object.ETag != "" && c.GetHeader("If-None-Match") == object.ETag {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.FormatInt(object.Size, 10))
	c.Status(http.StatusOK)
	if _, err := io.Copy(c.Writer, object.Body); err != nil {
		e.cfg.Log.WarnContext(c, "picture not sent in full", "request", c.ID(), "error", err)
	}
	return nil
}
