package access_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/access"
	"github.com/codex-platform/codex/events"
)

var allowed = access.Verdict{Allowed: true, Reason: access.ByFree}

func report(position, duration int, done bool) access.Record {
	progress := access.Progress{PositionSeconds: &position, DurationSeconds: &duration, Completed: done}
	return access.Record{ContentID: "c", Progress: progress}
}

func record(t interface{ Fatal(...any) }, p access.Playback, r access.Record) (access.Playback, []events.Payload) {
	next, payloads, err := p.Record(r, allowed, now)
	if err != nil {
		t.Fatal(err)
	}
	return next, payloads
}

func TestTheEndIsReachedAt95Percent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		position, duration int
		flag, want         bool
	}{
		{95, 100, false, true},
		{94, 100, false, false},
		{949, 1000, false, false},
		{950, 1000, false, true},
		{150, 100, false, true},
		{0, 1, false, false},
		{1, 1, false, true},
		{0, 100, true, true},
		{math.MaxInt32, math.MaxInt32, false, true},
		{19, 20, false, true},
		{18, 20, false, false},
	} {
		p, payloads := record(t, access.Playback{UserID: "u", ContentID: "c"}, report(c.position, c.duration, c.flag))
		if p.Completed != c.want {
			t.Errorf("%d of %d (flag %v): completed is %v", c.position, c.duration, c.flag, p.Completed)
		}
		completed := false
		for _, e := range payloads {
			completed = completed || e == events.PlaybackCompleted{UserID: "u", ContentID: "c"}
		}
		if completed != c.want {
			t.Errorf("%d of %d: %v", c.position, c.duration, payloads)
		}
	}
}

func TestOnlyTheStartAndForwardProgressHaveEvents(t *testing.T) {
	t.Parallel()
	p := access.Playback{UserID: "u", ContentID: "c"}
	for i, step := range []struct {
		position, want, events int
	}{{0, 0, 1}, {10, 10, 1}, {10, 10, 0}, {4, 10, 0}, {11, 11, 1}, {96, 96, 2}, {99, 99, 1}, {3, 99, 0}} {
		var payloads []events.Payload
		p, payloads = record(t, p, report(step.position, 100, false))
		if p.PositionSeconds != step.want || len(payloads) != step.events {
			t.Errorf("step %d: at %d with %d events", i, p.PositionSeconds, len(payloads))
		}
	}
	if p.Version != 6 || !p.Completed {
		t.Errorf("ended as %+v", p)
	}
}

func TestWithoutAccessNothingIsRecorded(t *testing.T) {
	t.Parallel()
	before := access.Playback{
		UserID:          "u",
		ContentID:       "c",
		PositionSeconds: 5,
		DurationSeconds: 10,
		Version:         1,
	}
	after, payloads, err := before.Record(report(9, 10, false), access.Verdict{Reason: access.PaymentRequired}, now)
	if !domain.IsClass(err, domain.Forbidden) || payloads != nil || after != before {
		t.Errorf("%+v, %v, %v", after, payloads, err)
	}
}

func TestAReportNeedsBothNumbers(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]access.Progress{
		"nothing":            {},
		"no duration":        {PositionSeconds: pointer(1)},
		"no position":        {DurationSeconds: pointer(1)},
		"negative":           {PositionSeconds: pointer(-1), DurationSeconds: pointer(1)},
		"duration 0":         {PositionSeconds: pointer(0), DurationSeconds: pointer(0)},
		"position too large": {PositionSeconds: pointer(math.MaxInt32 + 1), DurationSeconds: pointer(1)},
		"duration too large": {PositionSeconds: pointer(1), DurationSeconds: pointer(math.MaxInt32 + 1)},
	} {
		if len(p.Validate()) == 0 {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, _, err := (access.Playback{}).Record(access.Record{}, allowed, now); !domain.IsClass(err, domain.Invalid) {
		t.Errorf("an empty command: %v", err)
	}
}

// TestTheOrderOfReportsDoesNotMatter : the furthest position of all is kept.
func TestTheOrderOfReportsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var reports []access.Record
		for range rapid.IntRange(1, 8).Draw(t, "reports") {
			position, duration := rapid.IntRange(0, 120).Draw(t, "position"), rapid.IntRange(1, 100).Draw(t, "duration")
			reports = append(reports, report(position, duration, rapid.IntRange(0, 9).Draw(t, "done") == 0))
		}
		end := func(list []access.Record) access.Playback {
			p := access.Playback{UserID: "u", ContentID: "c"}
			for _, r := range list {
				before := p
				var payloads []events.Payload
				p, payloads = record(t, p, r)
				if p.PositionSeconds < before.PositionSeconds || (before.Completed && !p.Completed) {
					t.Fatalf("went back from %+v to %+v", before, p)
				}
				if p.Version != before.Version+int64(len(payloads)) {
					t.Fatalf("version %d after %d with %d events", p.Version, before.Version, len(payloads))
				}
				if p.Percent() >= 95 && !p.Completed {
					t.Fatalf("at %d %% and not completed", p.Percent())
				}
			}
			p.Version = 0 // how often the position moved depends on the order
			return p
		}
		a, b := end(reports), end(rapid.Permutation(reports).Draw(t, "order"))
		if a != b {
			t.Fatalf("%+v in one order, %+v in another", a, b)
		}
	})
}

func TestPercentIsRoundedDownAndBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ position, duration, want int }{
		{0, 100, 0},
		{1, 3, 33},
		{999, 1000, 99},
		{150, 100, 100},
		{5, 0, 0},
		{math.MaxInt32, 1, 100},
	} {
		if got := (access.Playback{PositionSeconds: c.position, DurationSeconds: c.duration}).Percent(); got != c.want {
			t.Errorf("%d of %d is %d %%, want %d", c.position, c.duration, got, c.want)
		}
	}
}

func TestTheCommandIsFlatJSON(t *testing.T) {
	t.Parallel()
	body, err := json.Marshal(report(3, 4, true))
	if err != nil || string(body) != `{"contentId":"c","positionSeconds":3,"durationSeconds":4,"completed":true}` {
		t.Errorf("%s, %v", body, err)
	}
	p, _ := record(t, access.Playback{}, report(0, 4, false))
	if !p.CreatedAt.Equal(now) || !p.UpdatedAt.Equal(now) {
		t.Errorf("%+v", p)
	}
	later, _, _ := p.Record(report(0, 4, false), allowed, now.Add(time.Minute))
	if !later.CreatedAt.Equal(now) || later.UpdatedAt.Equal(now) {
		t.Errorf("%+v", later)
	}
}
