package ffmpeg

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// The MIME types a creator may upload.
const (
	MP4       = "video/mp4"
	QuickTime = "video/quicktime"
	AVI       = "video/x-msvideo"
	WebM      = "video/webm"
	MP3       = "audio/mpeg"
	M4A       = "audio/mp4"
	WAV       = "audio/wav"
	WebA      = "audio/webm"
	Ogg       = "audio/ogg"
	Matroska  = "video/x-matroska"
	MPEGTS    = "video/mp2t"
	MPEGPS    = "video/mpeg"
	OggVideo  = "video/ogg"
	FLAC      = "audio/flac"
	AIFF      = "audio/aiff"
	AAC       = "audio/aac"
)

// SniffLength is how many leading bytes [Sniff] reads.
const SniffLength = 4096

// Sniff returns the media type of a file by its first bytes; more than [SniffLength] are ignored. ok
// is false when the container is none of the allowed ones, or when the bytes also have the
// mark of another format that a browser or a tool might recognize (HTML, SVG, a playlist, a ZIP or
// PDF header).
//
// WebM without a video track in its first bytes, and MP4 with an audio brand, are reported as audio;
// see [Agrees].
//
// The formats of the second half are recognized by the mimetype library, those that browsers play
// by the stricter checks below.
func Sniff(head []byte) (mime string, ok bool) {
	if len(head) > SniffLength {
		head = head[:SniffLength]
	}
	if len(head) < 12 || hasForeignMark(head) {
		return "", false
	}
	switch {
	case isWave(head):
		mime = WAV
	case bytes.HasPrefix(head, []byte("RIFF")) && string(head[8:12]) == "AVI ":
		mime = AVI
	case bytes.HasPrefix(head, []byte("OggS")):
		mime = sniffOgg(head)
	case bytes.HasPrefix(head, []byte{0x1A, 0x45, 0xDF, 0xA3}):
		mime = sniffEBML(head)
	case bytes.HasPrefix(head, []byte("ID3")):
		mime = sniffID3(head)
	case head[0] == 0xFF:
		mime = sniffFrames(head)
	case isTransportStream(head):
		mime = MPEGTS
	case bytes.HasPrefix(head, []byte{0, 0, 1, 0xBA}):
		mime = MPEGPS
	case head[4] == 0 && bytes.HasPrefix(head, make([]byte, 4)):
		mime = sniffFrames(bytes.TrimLeft(head, "\x00")) // padding of tag editors and recorders
	default:
		if mime = sniffISO(head); mime == "" {
			mime = sniffOther(head)
		}
	}
	return mime, mime != ""
}

// sniffOther recognizes formats by the library. Text and what browsers might run is not among them.
func sniffOther(head []byte) string {
	found := mimetype.Detect(head)
	for _, mime := range []string{FLAC, AIFF, MPEGPS} {
		if found.Is(mime) {
			return mime
		}
	}
	return ""
}

// isWave: RF64 and BW64 are WAVE with sizes of 64 bits.
func isWave(head []byte) bool {
	switch string(head[:4]) {
	case "RIFF", "RF64", "BW64":
		return string(head[8:12]) == "WAVE"
	}
	return false
}

// isTransportStream requires the sync byte of three packets, of 188 bytes or, on cameras' discs, of
// 192 with a time in front.
func isTransportStream(head []byte) bool {
	for _, layout := range [][2]int{{0, 188}, {4, 192}} {
		first, length := layout[0], layout[1]
		if first+2*length < len(head) && head[first] == 0x47 && head[first+length] == 0x47 && head[first+2*length] == 0x47 {
			return true
		}
	}
	return false
}

// Agrees reports whether bytes sniffed as one type may be uploaded under the declared type. MP4,
// QuickTime and M4A are one container, and so are the two WebM types: [Tool.Probe] finds which tracks
// are inside. Parameters after ';' and letter case of the declaration are ignored.
func Agrees(declared, sniffed string) bool {
	declared, _, _ = strings.Cut(declared, ";")
	declared = strings.ToLower(strings.TrimSpace(declared))
	want, known := demuxers[declared]
	return known && want == demuxers[sniffed]
}

// foreignMarks are compared without regard to case. Each is long enough not to occur in compressed
// bytes by chance (the shortest once in some ten million files).
var foreignMarks = [][]byte{
	[]byte("<script"), []byte("<html"), []byte("<!doctype"), []byte("<iframe"), []byte("<body"), []byte("<svg "),
	[]byte("<svg>"), []byte("<object"), []byte("<foreignobject"), []byte("onerror="), []byte("javascript:"),
	[]byte("#extm3u"), []byte("#ext-x-"), []byte("<mpd "), []byte("ffconcat"),
	[]byte("pk\x03\x04\x14"), []byte("pk\x03\x04\x0a"),
	[]byte("%pdf-"), []byte("file://"), []byte("concat:"),
}

func hasForeignMark(head []byte) bool {
	lower := asciiLower(head)
	for _, mark := range foreignMarks {
		if bytes.Contains(lower, mark) {
			return true
		}
	}
	return false
}

// asciiLower keeps bytes above 0x7F, unlike bytes.ToLower, which changes invalid UTF-8.
func asciiLower(b []byte) []byte {
	lower := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return lower
}

// sniffISO reads the first box of an ISO base media file. Files of old cameras have no ftyp box and are QuickTime.
func sniffISO(head []byte) string {
	size := int(binary.BigEndian.Uint32(head))
	switch string(head[4:8]) {
	case "ftyp":
		if size < 16 || size%4 != 0 || size > 1024 || size > len(head) {
			return ""
		}
		brands := []string{string(head[8:12])}
		for at := 16; at+4 <= size; at += 4 {
			brands = append(brands, string(head[at:at+4]))
		}
		return mimeOfBrands(brands)
	case "moov", "mdat", "wide", "free", "skip", "pnot":
		if size == 0 || size == 1 || size >= 8 { // 0: to the end of the file; 1: a 64-bit size follows
			return QuickTime
		}
	}
	return ""
}

// mimeOfBrands decides by the major brand, then by the compatible ones. Image brands (heic, avif)
// have the same box and are not listed.
func mimeOfBrands(brands []string) string {
	for _, brand := range brands {
		switch brand {
		case "heic", "heix", "mif1", "msf1", "avif", "avis", "crx ", "jp2 ", "jpx ":
			return ""
		case "qt  ":
			return QuickTime
		case "M4A ", "M4B ":
			return M4A
		case "isom", "iso2", "iso3", "iso4", "iso5", "iso6", "iso7", "iso8", "iso9", "mp41", "mp42", "mp71", "avc1", "av01",
			"M4V ", "M4VH", "M4VP", "MSNV", "XAVC", "mmp4", "f4v ", "dash", "cmfc", "cmf2", "3gp4", "3gp5", "3gp6", "3gp7",
			"3gr6", "3gs6", "3ge6", "3gg6", "3g2a", "3g2b", "3g2c", "KDDI", "NDSC":
			return MP4
		}
	}
	return ""
}

// sniffOgg requires a first page that starts a stream of a known codec.
func sniffOgg(head []byte) string {
	if len(head) < 36 || head[4] != 0 || head[5]&0x02 == 0 {
		return ""
	}
	body := 27 + int(head[26])
	if body >= len(head) {
		return ""
	}
	for _, codec := range []string{"\x01vorbis", "OpusHead", "\x7fFLAC", "Speex   "} {
		if bytes.HasPrefix(head[body:], []byte(codec)) {
			return Ogg
		}
	}
	for _, codec := range []string{"\x80theora", "fishead\x00"} {
		if bytes.HasPrefix(head[body:], []byte(codec)) {
			return OggVideo
		}
	}
	return ""
}

// sniffEBML requires the document type webm or matroska. The track codecs (V_…, A_…) are usually
// within the first bytes.
func sniffEBML(head []byte) string {
	const docType = 0x4282
	at := 4
	size, n := ebmlSize(head[at:])
	if n == 0 {
		return ""
	}
	at += n
	end := min(at+size, len(head))
	for at+3 <= end {
		idLength := 1
		for bit := byte(0x80); bit != 0 && head[at]&bit == 0; bit >>= 1 {
			idLength++
		}
		if idLength > 4 || at+idLength >= end {
			return ""
		}
		id := 0
		for _, b := range head[at : at+idLength] {
			id = id<<8 | int(b)
		}
		at += idLength
		size, n = ebmlSize(head[at:end])
		if n == 0 || size > end-at-n {
			return ""
		}
		at += n
		if id == docType {
			switch strings.TrimRight(string(head[at:at+size]), "\x00") {
			case "matroska":
				return Matroska
			case "webm":
			default:
				return ""
			}
			if !bytes.Contains(head, []byte("V_")) && bytes.Contains(head, []byte("A_")) {
				return WebA
			}
			return WebM
		}
		at += size
	}
	return ""
}

// ebmlSize reads a variable-length size of at most four bytes, enough for an EBML header; n is 0 on failure.
func ebmlSize(b []byte) (size, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	n = 1
	bit := byte(0x80)
	for ; n <= 8 && b[0]&bit == 0; bit >>= 1 {
		n++
	}
	if n > 8 || n > len(b) {
		return 0, 0
	}
	size = int(b[0] &^ bit)
	for _, c := range b[1:n] {
		size = size<<8 | int(c)
		if size > SniffLength {
			return 0, 0
		}
	}
	return size, n
}

// sniffID3 checks the header of each tag, and the audio frame behind the tags when it is within the
// head.
func sniffID3(head []byte) string {
	audio := head
	for bytes.HasPrefix(audio, []byte("ID3")) {
		if len(audio) < 10 || audio[3] < 2 || audio[3] > 4 || audio[5]&0x0F != 0 {
			return ""
		}
		size := 10
		if audio[5]&0x10 != 0 {
			size += 10 // a footer
		}
		length := 0
		for _, b := range audio[6:10] {
			if b&0x80 != 0 {
				return ""
			}
			length = length<<7 | int(b)
		}
		if size+length >= len(audio) {
			return MP3
		}
		audio = bytes.TrimLeft(audio[size+length:], "\x00") // padding of tag editors
	}
	switch {
	case len(audio) < 4 || mpegFrameLength(audio) > 0:
		return MP3
	case adtsFrameLength(audio) > 0:
		return AAC
	}
	return ""
}

// sniffFrames requires a whole first frame and the header of a second one: two sync bytes alone
// prove nothing.
func sniffFrames(head []byte) string {
	follows := func(frameLength func([]byte) int) bool {
		length := frameLength(head)
		return length > 0 && length+7 <= len(head) && frameLength(head[length:]) > 0
	}
	switch {
	case follows(mpegFrameLength):
		return MP3
	case follows(adtsFrameLength):
		return AAC
	}
	return ""
}

// adtsFrameLength returns the length in bytes of the AAC frame that starts at b (ISO 13818-7), 0 when
// none does.
func adtsFrameLength(b []byte) int {
	if len(b) < 7 || b[0] != 0xFF || b[1]&0xF6 != 0xF0 || b[2]>>2&0x0F > 12 {
		return 0
	}
	length := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
	if length < 8 {
		return 0
	}
	return length
}

// Bit rates in kbit/s of MPEG-1 and MPEG-2 layer III by index (ISO 11172-3, 13818-3).
var (
	mpeg1Rates = [16]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	mpeg2Rates = [16]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
)

// mpegFrameLength returns the length in bytes of the layer III frame that starts at b, 0 when none does.
func mpegFrameLength(b []byte) int {
	if len(b) < 4 || b[0] != 0xFF || b[1]&0xE0 != 0xE0 {
		return 0
	}
	version, layer := b[1]>>3&3, b[1]>>1&3
	rate, frequency, padding := b[2]>>4, b[2]>>2&3, int(b[2]>>1&1)
	if version == 1 || layer != 1 || frequency == 3 {
		return 0
	}
	hertz := [3]int{44100, 48000, 32000}[frequency]
	switch version {
	case 3:
		return frameBytes(144, mpeg1Rates[rate], hertz, padding)
	case 2:
		return frameBytes(72, mpeg2Rates[rate], hertz/2, padding)
	default:
		return frameBytes(72, mpeg2Rates[rate], hertz/4, padding)
	}
}

func frameBytes(factor, kilobits, hertz, padding int) int {
	if kilobits == 0 {
		return 0
	}
	return factor*kilobits*1000/hertz + padding
}
