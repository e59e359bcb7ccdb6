package ffmpeg

// These tests stand inside the package because Sniff rejects their inputs before any program sees
// them: they prove that the programs would not have been fooled either.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestNoFileMakesFFmpegReadAnotherFileOrURL(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer canary.Close()
	secret := filepath.Join(t.TempDir(), "secret.wav")
	makeTone(t, secret)

	hls := "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n%s\n#EXT-X-ENDLIST\n"
	baits := map[string]string{
		"HLS with a URL":     fmt.Sprintf(hls, canary.URL+"/a.ts"),
		"HLS with a file":    fmt.Sprintf(hls, "file://"+secret),
		"HLS with concat":    fmt.Sprintf(hls, "concat:"+canary.URL+"|file://"+secret),
		"concat with a URL":  "ffconcat version 1.0\nfile '" + canary.URL + "'\n",
		"concat with a file": "ffconcat version 1.0\nfile '" + secret + "'\n",
		"DASH": `<?xml version="1.0"?>` +
			`<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period>` +
			`<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">` +
			`<BaseURL>` + canary.URL + `</BaseURL></Representation></AdaptationSet></Period></MPD>`,
		"SDP":                   "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
		"subtitles in an AVI":   string(aviWithSubtitles(fmt.Sprintf(hls, canary.URL+"/a.ts"))),
		"subtitles from a file": string(aviWithSubtitles(fmt.Sprintf(hls, "file://"+secret))),
	}
	tool, err := New(Config{Threads: 1, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for name, bait := range baits {
		path := filepath.Join(t.TempDir(), "bait")
		if err := os.WriteFile(path, []byte(bait), 0o600); err != nil {
			t.Fatal(err)
		}
		demuxer := "mp3" // it searches longest for usable data
		if strings.HasPrefix(bait, "RIFF") {
			demuxer = "avi"
		}
		rejectedByPrograms(t, tool, name, path, demuxer)
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the canary got %d requests", n)
	}

	// The bait must work on an unconfined ffmpeg, or the above would prove nothing.
	path := filepath.Join(t.TempDir(), "bait")
	if err := os.WriteFile(path, []byte(baits["HLS with a URL"]), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = exec.CommandContext(t.Context(), "ffmpeg", "-v", "quiet", "-nostdin",
		"-protocol_whitelist", "file,http,tcp", "-f", "hls", "-i", path, "-f", "null", "-").Run()
	if hits.Load() == 0 {
		t.Error("an unconfined ffmpeg sends no request either")
	}
}

// rejectedByPrograms hands the file to ffprobe and ffmpeg as Probe and Transcode would; neither may find media in it.
func rejectedByPrograms(t *testing.T, tool *Tool, name, path, demuxer string) {
	t.Helper()
	input, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	ctx := context.Background()
	found, err := tool.describe(ctx, input, demuxer)
	var reject *RejectError
	if err != nil && !errors.As(err, &reject) {
		t.Errorf("%s as %s: ffprobe: %v", name, demuxer, err)
	}
	for _, s := range found.Streams {
		if s.Type == "video" || strings.HasPrefix(s.Codec, "pcm") {
			t.Errorf("%s as %s: ffprobe found %+v", name, demuxer, s)
		}
	}
	if err := tool.decodeStart(ctx, input, Info{Kind: Audio, HasAudio: true, demuxer: demuxer}); !errors.As(err, &reject) {
		t.Errorf("%s as %s: ffmpeg: %v", name, demuxer, err)
	}
}

// An AVI may open its subtitles in any format that FFmpeg knows; with the fence it may not, even in a harmless one.
func TestADemuxerMayNotOpenAnotherOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "subtitles.avi")
	if err := os.WriteFile(path, aviWithSubtitles("1\n00:00:00,000 --> 00:00:01,000\nhello\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	entries := []string{"-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"}
	open, _ := exec.Command("ffprobe", append(entries, "-f", "avi", path)...).Output()
	fenced, _ := exec.Command("ffprobe", append(entries, "-format_whitelist", "avi", "-f", "avi", path)...).Output()
	if !strings.Contains(string(open), "subrip") || strings.Contains(string(fenced), "subrip") {
		t.Errorf("without the fence it finds %q, with it %q", open, fenced)
	}
}

func makeTone(t *testing.T, path string) {
	t.Helper()
	tone := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=d=1", path)
	if out, err := tone.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// aviWithSubtitles builds an AVI whose only stream is a GAB2 subtitle packet, which the AVI
// demuxer opens with a demuxer that it finds by the content (the way in of the HLS attacks of
// 2017).
func aviWithSubtitles(text string) []byte {
	chunk := func(id string, body []byte) []byte {
		out := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
		out = append(out, body...)
		return append(out, make([]byte, len(body)%2)...)
	}
	list := func(kind string, parts ...[]byte) []byte {
		body := []byte(kind)
		for _, part := range parts {
			body = append(body, part...)
		}
		return chunk("LIST", body)
	}
	words := func(values ...uint32) []byte {
		var out []byte
		for _, v := range values {
			out = binary.LittleEndian.AppendUint32(out, v)
		}
		return out
	}
	main := words(40000, 0, 0, 0x10, 1, 0, 1, 0, 64, 64, 0, 0, 0, 0)
	header := append([]byte("txts\x00\x00\x00\x00"), words(0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0)...)
	description := append([]byte("a\x00\x00\x00"), nil...)
	gab2 := append([]byte("GAB2\x00"), 0x02, 0x00)
	gab2 = append(gab2, words(uint32(len(description)))...)
	gab2 = append(gab2, description...)
	gab2 = append(gab2, 0x04, 0x00)
	gab2 = append(gab2, words(uint32(len(text)))...)
	gab2 = append(gab2, text...)
	stream := list("strl", chunk("strh", header), chunk("strf", nil))
	body := append([]byte("AVI "), list("hdrl", chunk("avih", main), stream)...)
	body = append(body, list("movi", chunk("00tx", gab2))...)
	return chunk("RIFF", body)
}
