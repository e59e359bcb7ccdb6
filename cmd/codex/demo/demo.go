package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// AccessWithin is how soon after the payment was sent the buyer must be let in.
const AccessWithin = 250 * time.Millisecond

// Options say which platform to drive, and how to start one.
type Options struct {
	// API is the base URL of a running platform. When it is empty, the platform at
	// http://127.0.0.1:8080 is used if it is healthy, else a temporary one is started.
	API string
	// NATS is the bus of that platform; default nats://127.0.0.1:4222. A temporary
	// platform brings its own.
	NATS string
	// Payments is the base URL of that platform's payments sandbox; default the one
	// that the checkout page is served from. A temporary platform brings its own.
	Payments string
	// Binary is the codex program that starts a temporary platform.
	Binary string
	// Out receives the report. Colours and moving bars appear only when it is a terminal.
	Out io.Writer
}

// show is one run: who takes part, and what the steps hand on.
type show struct {
	report   *report
	payments string
	dir      string // temporary files
	run      string // tells this run's names from those of others

	creator, buyer *person
	feed           *feed
	player         *client // no cookies: a stream URL has to be enough

	film, junk   upload
	organization string
	content      content
	checkout     checkout
	stream       stream
	renditions   []rendition
	podcastURL   string // of the buyer's feed
	episodeURL   string // of the sound in it
}

// step is one line of the report. run returns what to say next to its name.
type step struct {
	name string
	run  func(context.Context) (string, error)
}

// stepLimit bounds every step: what takes longer hangs. Transcoding is the longest.
const stepLimit = transcodingLimit + time.Minute

// Run plays the demonstration and writes a line per step, then a table. The error
// says which step was not as it should be; the report has the details. When ctx
// ends early Run stops, cleans up and fails: half a demonstration shows nothing.
func Run(ctx context.Context, o Options) error {
	r := newReport(o.Out)
	dir, err := os.MkdirTemp("", "codex-demo-")
	if err != nil {
		return fmt.Errorf("temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)

	var p *platform
	err = play(ctx, r, []step{{"platform", func(ctx context.Context) (said string, err error) {
		p, said, err = findPlatform(ctx, o, dir)
		return said, err
	}}})
	if err != nil {
		return err
	}
	s := newShow(r, p, dir)
	err = play(ctx, r, s.steps(p))
	if s.feed != nil {
		s.feed.close()
	}
	stopErr := p.stop()
	if err == nil && stopErr != nil {
		err = fmt.Errorf("stop the temporary platform: %w", stopErr)
	}
	switch {
	case errors.Is(err, errInterrupted):
	case err != nil:
		r.output("what the temporary platform said", p.output())
	default:
		r.table()
	}
	return err
}

func newShow(r *report, p *platform, dir string) *show {
	suffix := make([]byte, 4)
	_, _ = rand.Read(suffix) // never fails
	run := hex.EncodeToString(suffix)
	someone := func(name, role string) *person {
		return &person{
			client:   newClient(p.api),
			name:     name,
			role:     role,
			email:    strings.ToLower(name) + "-" + run + "@example.com",
			password: rand.Text(),
		}
	}
	return &show{
		report:   r,
		payments: p.payments,
		dir:      dir,
		run:      run,
		creator:  someone("Ada", "creator"),
		buyer:    someone("Ben", "customer"),
		player:   &client{base: p.api, http: &http.Client{Timeout: requestLimit, CheckRedirect: stayUnlessPlaying}},
	}
}

// steps is the plot.
func (s *show) steps(p *platform) []step {
	return []step{
		{"make a 20 s 720p video with sound, captions and chapters, and a file that is none", s.makeFiles},
		{"creator signs up and follows the link in the mail", s.creator.signUp},
		{"buyer signs up the same way", s.buyer.signUp},
		{"creator makes an organization", s.makeOrganization},
		{"listen to events", func(ctx context.Context) (string, error) { return s.listen(ctx, p.nats) }},
		{"upload the video directly to storage", s.uploadFilm},
		{"follow its transcoding by events", s.followTranscoding},
		{"the bad file fails with a reason", s.uploadJunk},
		{"publish the video for sale, and for download", s.publish},
		{"buyer is denied before paying", s.deniedBefore},
		{"buyer pays on the sandbox's page and is let in", s.pay},
		{"play master, variants and every byte range", s.play},
		{"decode every rendition", s.decode},
		{"read the captions of the file through the master playlist", s.readCaptions},
		{"read its chapters as JSON and as WebVTT", s.readChapters},
		{"look at the storyboard's pictures for seeking", s.seek},
		{"buyer downloads the original", s.download},
		{"a podcast app plays the buyer's private feed", s.playPodcast},
		{"save progress at 96 %", s.saveProgress},
		{"library and purchases list the video", s.listLibrary},
		{"a refund ends access", s.refund},
	}
}

// play runs steps until one fails.
func play(ctx context.Context, r *report, steps []step) error {
	for _, st := range steps {
		r.begin(st.name)
		stepCtx, cancel := context.WithTimeout(ctx, stepLimit)
		said, err := st.run(stepCtx)
		cancel()
		switch {
		case ctx.Err() != nil:
			r.fail(errInterrupted)
			return errInterrupted
		case err != nil:
			r.fail(err)
			return fmt.Errorf("the demonstration failed at: %s", st.name)
		}
		r.done(said)
	}
	return nil
}

// errInterrupted is no context.Canceled on purpose: nothing was shown.
var errInterrupted = errors.New("interrupted")

// deviation is something that is not as it should be.
type deviation struct{ expected, got string }

func (d deviation) Error() string { return "expected " + d.expected + ", got " + d.got }

// differs says what was expected and what came instead.
func differs(expected, format string, args ...any) error {
	return deviation{expected, fmt.Sprintf(format, args...)}
}
