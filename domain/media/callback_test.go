package media_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/codex-platform/codex/domain"
	"github.com/codex-platform/codex/domain/media"
	"github.com/codex-platform/codex/events"
)

func TestACallbackIsAcceptedWhenSignedAndFresh(t *testing.T) {
	t.Parallel()
	secret, older := []byte("secret"), []byte("older")
	body := []byte(`{"status":"progress"}`)
	at := func(offset int64) string { return strconv.FormatInt(now.Unix()+offset, 10) }
	sign := func(key []byte, timestamp string) string { return media.Sign(key, timestamp, body) }
	for _, c := range []struct {
		name, signature, timestamp, want string
	}{
		{"fresh", sign(secret, at(0)), at(0), ""},
		{"signed with the other secret", sign(older, at(0)), at(0), ""},
		{"in capitals", strings.ToUpper(sign(secret, at(0))), at(0), ""},
		{"five minutes old", sign(secret, at(-300)), at(-300), ""},
		{"older", sign(secret, at(-301)), at(-301), "TIMESTAMP_EXPIRED"},
		{"a minute ahead", sign(secret, at(60)), at(60), ""},
		{"further ahead", sign(secret, at(61)), at(61), "TIMESTAMP_FUTURE"},
		{"no signature", "", at(0), "MISSING_SIGNATURE"},
		{"no timestamp", sign(secret, at(0)), "", "MISSING_TIMESTAMP"},
		{"a date", sign(secret, "today"), "today", "INVALID_TIMESTAMP"},
		{"a fraction", sign(secret, at(0)+".5"), at(0) + ".5", "INVALID_TIMESTAMP"},
		{"a sign", sign(secret, "+"+at(0)), "+" + at(0), "INVALID_TIMESTAMP"},
		{"beyond numbers", sign(secret, strings.Repeat("9", 40)), strings.Repeat("9", 40), "INVALID_TIMESTAMP"},
		{"another secret", sign([]byte("x"), at(0)), at(0), "INVALID_SIGNATURE"},
		{"another time", sign(secret, at(-1)), at(0), "INVALID_SIGNATURE"},
		{"not hex", "zz", at(0), "INVALID_SIGNATURE"},
		{"cut short", sign(secret, at(0))[:62], at(0), "INVALID_SIGNATURE"},
		{"an empty secret", sign(nil, at(0)), at(0), "INVALID_SIGNATURE"},
	} {
		err := media.Verify([][]byte{older, secret, nil}, c.signature, c.timestamp, body, now)
		code := ""
		if rejection, ok := domain.AsError(err); ok && rejection.Class == domain.Unauthorized {
			code = rejection.Code
		}
		if code != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if err := media.Verify(nil, sign(secret, at(0)), at(0), body, now); err == nil {
		t.Error("without any secret a callback was accepted")
	}
}

func TestEveryFieldOfACallbackIsChecked(t *testing.T) {
	t.Parallel()
	for body, bad := range map[string]string{
		`{"status":"progress","jobId":"j","progress":0,"step":"downloading"}`:         "",
		`{"status":"progress","jobId":"j","progress":100,"step":"finalizing"}`:        "",
		`{"status":"progress","jobId":"j","progress":101,"step":"finalizing"}`:        "progress",
		`{"status":"progress","jobId":"j","step":"finalizing"}`:                       "progress",
		`{"status":"progress","jobId":"j","progress":1,"step":"dancing"}`:             "step",
		`{"status":"progress","progress":1,"step":"probing"}`:                         "jobId",
		`{"status":"failed","jobId":"j","error":"why"}`:                               "",
		`{"status":"failed","jobId":"j","error":"` + strings.Repeat("x", 2001) + `"}`: "error",
		`{"status":"completed","jobId":"j"}`:                                          "",
		`{"status":"done","jobId":"j"}`:                                               "status",
	} {
		var callback media.Callback
		if err := json.Unmarshal([]byte(body), &callback); err != nil {
			t.Fatal(err)
		}
		fields := callback.Validate()
		if (bad == "") != (fields == nil) || (bad != "" && fields[0].Path != bad) {
			t.Errorf("%.80s: %v, want %q", body, fields, bad)
		}
	}
	for field, change := range map[string]func(*media.Output){
		"output.type":               func(o *media.Output) { o.Type = "image" },
		"output.durationSeconds":    func(o *media.Output) { o.DurationSeconds = 86_401 },
		"output.width":              func(o *media.Output) { o.Width = p(7681) },
		"output.height":             func(o *media.Output) { o.Height = p(0) },
		"output.hlsMasterKey":       func(o *media.Output) { o.HLSMasterKey = p("a/../b") },
		"output.readyVariants.0":    func(o *media.Output) { o.ReadyVariants = []string{"8k"} },
		"output.loudnessIntegrated": func(o *media.Output) { o.LoudnessIntegrated = p(1001) },
		"output.loudnessRange":      func(o *media.Output) { o.LoudnessRange = p(-1) },
		"output.loudnessPeak":       func(o *media.Output) { o.LoudnessPeak = p(2001) },
		"output.thumbnailKey":       func(o *media.Output) { o.ThumbnailKey = p(strings.Repeat("k", 501)) },
		"output.waveformImageKey":   func(o *media.Output) { o.WaveformImageKey = p("") },
	} {
		out := output()
		change(&out)
		fields := media.Callback{Status: media.CallbackCompleted, JobID: "j", Output: &out}.Validate()
		if len(fields) != 1 || fields[0].Path != field {
			t.Errorf("%s: %v", field, fields)
		}
	}
}

func FuzzCallbackSignature(f *testing.F) {
	secret := []byte("secret")
	f.Add("", "", []byte("{}"))
	f.Add(media.Sign(secret, "1777636800", []byte("{}")), "1777636800", []byte("{}"))
	f.Add("00", "-1", []byte(nil))
	f.Fuzz(func(t *testing.T, signature, timestamp string, body []byte) {
		err := media.Verify([][]byte{secret}, signature, timestamp, body, now)
		genuine := strings.EqualFold(signature, media.Sign(secret, timestamp, body))
		if err == nil && !genuine {
			t.Fatalf("a forged signature %q at %q was believed", signature, timestamp)
		}
		if seconds, parseErr := strconv.ParseInt(timestamp, 10, 64); err == nil {
			if age := now.Unix() - seconds; parseErr != nil || age > 300 || age < -60 {
				t.Fatalf("a callback of age %d s was accepted", age)
			}
		}
		fresh := strconv.FormatInt(now.Unix(), 10)
		signed := media.Sign(secret, fresh, body)
		if err := media.Verify([][]byte{secret}, signed, fresh, body, now.Add(time.Second)); err != nil {
			t.Fatalf("a valid callback was rejected: %v", err)
		}
	})
}

func FuzzObjectKey(f *testing.F) {
	for _, key := range []string{
		"", "a/b.mp4", "../x", "a//b", "/a", "a/", `a\b`, "a%2e%2e/b", "a\x00b", "ä", "a.b.c", strings.Repeat("k", 501),
	} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if media.ValidKey(key) && !media.SafeKey(key) {
			t.Fatalf("%q is valid but not safe", key)
		}
		if !media.SafeKey(key) {
			return
		}
		if len(key) > 500 || strings.ContainsAny(key, "\\%\x00 \n") || strings.Contains(key, "..") {
			t.Fatalf("%q is called safe", key)
		}
		for _, part := range strings.Split(key, "/") {
			if part == "" || part == ".." {
				t.Fatalf("%q has a segment that is no name", key)
			}
		}
	})
}

// FuzzCallbackPayload: no report makes an item ready that is incomplete, or has keys of another item.
func FuzzCallbackPayload(f *testing.F) {
	good, _ := json.Marshal(media.Callback{Status: media.CallbackCompleted, JobID: "job", Output: p(output())})
	for _, seed := range []string{
		string(good),
		strings.ReplaceAll(string(good), creator, "another"),
		strings.ReplaceAll(string(good), "master.m3u8", "../master.m3u8"),
		`{"status":"progress","jobId":"job","progress":40,"step":"preview"}`,
		`{"status":"progress","jobId":"job","progress":-1,"step":""}`,
		`{"status":"failed","jobId":"job","error":"UNDECODABLE: The file is damaged."}`,
		`{"status":"completed","jobId":"job","output":{"durationSeconds":1e308}}`,
		`{"status":"completed","jobId":"job","output":null}`, `[]`, `{"status":1}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var report media.Callback
		if json.Unmarshal(body, &report) != nil || report.Validate() != nil {
			return
		}
		before := transcoding(t, "job")
		next, happened := before, []events.Payload(nil)
		switch {
		case report.Status == media.CallbackProgress:
			progress := media.RecordProgress{JobID: report.JobID, Percent: *report.Progress, Step: report.Step}
			next, happened, _ = before.RecordProgress(progress, now)
		case report.Status == media.CallbackFailed:
			next, happened, _ = before.RecordFailure(media.RecordFailure{JobID: report.JobID, Error: report.Error}, now)
		case report.Output != nil:
			next, happened, _ = before.RecordResult(media.RecordResult{JobID: report.JobID, Output: *report.Output}, now)
		}
		if next.Version != before.Version+int64(len(happened)) {
			t.Fatalf("version %d after %d events", next.Version, len(happened))
		}
		if report.JobID != before.JobID && (next.Status != before.Status || len(happened) > 0) {
			t.Fatalf("a report on job %q changed another item", report.JobID)
		}
		if next.Status != media.Ready {
			return
		}
		if !isPlayable(next) {
			t.Fatalf("ready with %+v", next)
		}
		for _, key := range []string{
			next.MasterKey,
			next.PreviewKey,
			next.ThumbnailKey,
			next.WaveformKey,
			next.WaveformImage,
			next.MezzanineKey,
		} {
			own := strings.HasPrefix(key, creator+"/") && strings.Contains(key, "/"+id+"/")
			if key != "" && (!own || strings.Contains(key, "..")) {
				t.Fatalf("ready with the key %q", key)
			}
		}
	})
}
