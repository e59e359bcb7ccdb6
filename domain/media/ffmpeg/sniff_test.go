package ffmpeg_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/codex-platform/codex/domain/media/ffmpeg"
)

const (
	ftyp = "\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom"
	webm = "\x1a\x45\xdf\xa3\x93\x42\x86\x81\x01\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02"
)

func TestSniffKnowsRealFiles(t *testing.T) {
	t.Parallel()
	const video, tone = "-f lavfi -i testsrc2=s=64x64:r=25 -t 0.5 ", "-f lavfi -i sine=d=0.5 "
	for name, c := range map[string]struct{ args, mime string }{
		"a.mp4":  {video + "-c:v libx264", ffmpeg.MP4},
		"b.mp4":  {video + "-c:v libx264 -movflags +frag_keyframe+empty_moov", ffmpeg.MP4},
		"a.mov":  {video + "-c:v libx264", ffmpeg.QuickTime},
		"a.avi":  {video, ffmpeg.AVI},
		"a.webm": {video + "-c:v libvpx -deadline realtime", ffmpeg.WebM},
		"b.webm": {tone + "-c:a libopus", ffmpeg.WebA},
		"a.mp3":  {tone, ffmpeg.MP3},
		"b.mp3":  {tone + "-id3v2_version 0 -write_xing 0", ffmpeg.MP3},
		"a.m4a":  {tone, ffmpeg.M4A},
		"a.wav":  {tone, ffmpeg.WAV},
		"a.ogg":  {tone + "-c:a libvorbis", ffmpeg.Ogg},
		"b.ogg":  {tone + "-c:a libopus", ffmpeg.Ogg},
		"a.mkv":  {video, ffmpeg.Matroska},
		"a.ogv":  {video + "-c:v libtheora", ffmpeg.OggVideo},
		"a.aac":  {tone + "-f adts", ffmpeg.AAC},
		"a.ts":   {video, ffmpeg.MPEGTS},
		"a.gif":  {video, ""},
		"a.aiff": {tone, ffmpeg.AIFF},
		"a.mpg":  {video, ffmpeg.MPEGPS},
		"a.m2ts": {video, ffmpeg.MPEGTS},
		"b.wav":  {tone + "-rf64 always", ffmpeg.WAV},
		"a.3gp":  {video + "-c:v libx264", ffmpeg.MP4},
		"a.flac": {tone, ffmpeg.FLAC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			head, err := os.ReadFile(generate(t, name, c.args))
			if err != nil {
				t.Fatal(err)
			}
			if mime, ok := ffmpeg.Sniff(head); mime != c.mime || ok != (c.mime != "") {
				t.Errorf("sniffed %q, %v; want %q", mime, ok, c.mime)
			}
		})
	}
}

func TestSniffRejectsTextAndPolyglots(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"HTML":                   "<!DOCTYPE html><html><body>hello</body></html>",
		"SVG":                    `<svg xmlns="http://www.w3.org/2000/svg"/>`,
		"ZIP":                    "PK\x03\x04\x14\x00\x00\x00\x08\x00aaaaaaaaaaaa",
		"HLS":                    "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/\n",
		"DASH":                   `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>`,
		"SDP":                    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 1 RTP/AVP 96\n",
		"concat":                 "ffconcat version 1.0\nfile /etc/passwd\n",
		"MP4 and HTML":           ftyp + "\x00\x00\x01\x00free<ScRiPt>alert(1)</script>",
		"MP4 and HLS":            ftyp + "\x00\x00\x01\x00free\n#EXTM3U\n",
		"MP4 and ZIP":            ftyp + "\x00\x00\x01\x00freePK\x03\x04\x14\x00",
		"WebM and HTML":          webm + "<html>",
		"AVI and HLS":            "RIFF\x00\x01\x00\x00AVI LIST....GAB2\x00#EXTM3U\n",
		"GIF and JavaScript":     "GIF89a/*\x00\x00\x00\x00*/=1;alert(1)",
		"an image in the family": "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
		"an absurd first box":    "\x00\x00\x00\x07moov" + strings.Repeat("a", 40),
		"an ID3 tag before HTML": "ID3\x04\x00\x00\x00\x00\x00\x00<p>aaaaaaaaaa",
		"two lucky bytes":        "\xff\xfb\x90\x00" + strings.Repeat("a", 2000),
		"nothing":                "",
	} {
		if mime, ok := ffmpeg.Sniff([]byte(head)); ok || mime != "" {
			t.Errorf("%s sniffed as %q", name, mime)
		}
	}
	if _, ok := ffmpeg.Sniff([]byte(ftyp)); !ok {
		t.Error("the MP4 head that the polyglots are made of is itself rejected")
	}
	if _, ok := ffmpeg.Sniff([]byte(webm)); !ok {
		t.Error("the WebM head that the polyglots are made of is itself rejected")
	}
}

func TestDeclaredTypesAgreeWithinAContainer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		declared, sniffed string
		want              bool
	}{
		{ffmpeg.MP4, ffmpeg.QuickTime, true},
		{ffmpeg.M4A, ffmpeg.MP4, true},
		{"Video/WebM; codecs=vp9", ffmpeg.WebA, true},
		{ffmpeg.MP4, ffmpeg.WebM, false},
		{ffmpeg.MP3, ffmpeg.Ogg, false},
		{"text/html", "", false},
		{"", "", false},
	} {
		if got := ffmpeg.Agrees(c.declared, c.sniffed); got != c.want {
			t.Errorf("Agrees(%q, %q) = %v", c.declared, c.sniffed, got)
		}
	}
}

func FuzzSniff(f *testing.F) {
	for _, seed := range []string{
		ftyp, webm, "RIFF\x00\x00\x00\x00WAVEfmt ", "RIFF\x00\x00\x00\x00AVI LIST",
		"ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb\x90\x00",
		"OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x13OpusHead", "<!doctype html>", "\xff\xfb\x90\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		mime, ok := ffmpeg.Sniff(head)
		if ok != (mime != "") {
			t.Fatalf("%q, %v", mime, ok)
		}
		if ok && !ffmpeg.Agrees(mime, mime) {
			t.Fatalf("%q is not an allowed type", mime)
		}
		if len(head)+len("<script") > ffmpeg.SniffLength {
			return
		}
		if mime, ok := ffmpeg.Sniff(append(slices.Clip(head), "<script"...)); ok {
			t.Fatalf("a script was overlooked behind %q", mime)
		}
	})
}
