package images_test

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/codex-platform/codex/handlers/handlertest"
	"github.com/codex-platform/codex/handlers/images"
)

// gate is a converter whose conversions of one picture wait until another one was converted.
type gate struct {
	images.PictureMaker
	waits []byte // the picture whose conversions wait

	mu            sync.Mutex
	inside, most  int // conversions of that picture
	begun, opened chan struct{}
	once          sync.Once
}

func (g *gate) Picture(ctx context.Context, content []byte) (map[string][]byte, error) {
	if !bytes.Equal(content, g.waits) {
		return g.PictureMaker.Picture(ctx, content)
	}
	g.mu.Lock()
	g.inside++
	g.most = max(g.most, g.inside)
	g.mu.Unlock()
	g.once.Do(func() { close(g.begun) })
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.inside--
	}()
	select {
	case <-g.opened:
		return g.PictureMaker.Picture(ctx, content)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestOneUserTakesOnePlaceAmongTheConversions(t *testing.T) {
	t.Parallel()
	g := &gate{
		PictureMaker: handlertest.Must(ffmpegTool())(t),
		waits:        painting(t, 50, 50, 10),
		begun:        make(chan struct{}),
		opened:       make(chan struct{}),
	}
	h := newHarness(t, options{maker: g})
	many, one := h.signIn("customer"), h.signIn("customer")
	statuses := make(chan int, 4)
	for range cap(statuses) {
		go func() { statuses <- many.avatar(10).Status }()
	}
	<-g.begun
	one.avatar(20).Want(http.StatusOK, "")
	close(g.opened)
	for range cap(statuses) {
		if status := <-statuses; status != http.StatusOK && status != http.StatusServiceUnavailable { // waited too long
			t.Errorf("status %d", status)
		}
	}
	if g.most != 1 {
		t.Errorf("%d conversions of one user at once", g.most)
	}
}
