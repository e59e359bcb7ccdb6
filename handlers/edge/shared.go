package edge

import (
	"context"
	"fmt"
	"time"
)

const (
	// cacheShared is the Cache-Control of a shared response.
	cacheShared = "public, max-age=60"
	// sharedWithin bounds a read that several requests wait for.
	sharedWithin = 10 * time.Second
)

// written is a response whose body is encoded, or why it could not be.
type written struct {
	status int
	body   []byte
	err    error
}

// serveShared serves a shared route: of the requests for one address that are there at the same
// time, the first calls the handler, and the others get its response. The handler goes on when
// the client of the first disconnects.
func (e *Edge) serveShared(r *Request) error {
	shared, err, _ := e.reads.Do(r.Request.URL.RequestURI(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), sharedWithin)
		defer cancel()
		first := &Request{Context: r.Context, ctx: ctx, edge: e, route: r.route, params: r.params, response: &written{}}
		if err := r.route.Handle(first); err != nil {
			return nil, err
		}
		return first.response, first.response.err
	})
	if err != nil {
		return fmt.Errorf("shared read: %w", err)
	}
	r.Header("Cache-Control", cacheShared)
	r.write(*shared.(*written))
	return nil
}
