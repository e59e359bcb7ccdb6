package ffmpeg

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// demuxers maps each allowed MIME type to the one demuxer that may read it.
var demuxers = map[string]string{
	MP4:       "mov",
	QuickTime: "mov",
	M4A:       "mov",
	WebM:      "matroska",
	WebA:      "matroska",
	AVI:       "avi",
	MP3:       "mp3",
	WAV:       "wav",
	Ogg:       "ogg",
	Matroska:  "matroska",
	MPEGTS:    "mpegts",
	MPEGPS:    "mpeg",
	OggVideo:  "ogg",
	FLAC:      "flac",
	AIFF:      "aiff",
	AAC:       "aac",
}

// decoders are those that may read uploads: for what cameras, recorders and editors write into the
// allowed containers. Memory errors are mostly found in the hundreds of others.
const decoders = "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,libdav1d,libaom-av1,av1," +
	"mpeg4,mpeg1video,mpeg2video,msmpeg4,msmpeg4v2,theora,ffv1,qtrle,v210," +
	"h263,mjpeg,prores,dnxhd,dvvideo,rawvideo,png," +
	"aac,aac_latm,mp3,mp3float,mp2,mp2float,opus,libopus,vorbis,libvorbis,flac,alac,ac3,eac3,dca,speex,libspeex," +
	"amrnb,amrwb," +
	"pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_u8,pcm_s8," +
	"pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_mulaw," +
	"pcm_alaw,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt"

// named are decoders that ffprobe may open, because it ends at the first stream that it cannot
// open, but that never get a packet: of subtitles, of cover art, and of what is rejected by name. Those
// of textSubtitles get packets when captions are extracted, and only then.
const named = textSubtitles + ",dvbsub,dvdsub,pgssub,xsub,microdvd,cc_dec," +
	"bmp,gif,webp,tiff," +
	"wmv1,wmv2,wmv3,vc1,msmpeg4v1,cinepak,indeo3,indeo5,svq1,svq3,flv,vp6,vp6f,rv30,rv40,cfhd,huffyuv,ffvhuff," +
	"utvideo,magicyuv,jpeg2000,libopenjpeg,hap,snow,dirac," +
	"wmav1,wmav2,wmapro,wmalossless,wmavoice,truehd,mlp,ape,wavpack,tta,cook,ra_144,ra_288,atrac3,atrac3p," +
	"pcm_bluray,pcm_dvd,adpcm_yamaha,adpcm_swf,nellymoser,qdm2,gsm,gsm_ms"

// decodable are the names of codecs with a decoder in decoders; PCM is not listed.
var decodable = strings.Fields("h264 hevc vp8 vp9 av1 mpeg4 mpeg1video mpeg2video msmpeg4v3 msmpeg4v2 theora ffv1 " +
	"qtrle v210 h263 mjpeg prores dnxhd dvvideo rawvideo png aac aac_latm mp3 mp2 opus vorbis flac alac ac3 eac3 dts " +
	"speex amr_nb amr_wb adpcm_ms adpcm_ima_wav adpcm_ima_qt")

func (s stream) isEncrypted() bool {
	return s.encrypted || slices.Contains([]string{"encv", "enca", "drmi", "drms"}, s.Tag)
}

func (s stream) isDecodable() bool {
	return !s.isEncrypted() && (slices.Contains(decodable, s.Codec) || strings.HasPrefix(s.Codec, "pcm_") &&
		slices.Contains(strings.Split(decoders, ","), s.Codec))
}

// codecName is for people: letters and digits only, since the tag is the file's.
func (s stream) codecName() string {
	name := s.Codec
	if name == "" || name == "unknown" || name == "none" {
		name = strings.TrimPrefix(s.Tag, "[0][0][0][0]") // which stands for none
	}
	name = strings.Map(func(r rune) rune {
		if r == '_' || r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, name)
	return cmp.Or(name, "unknown")
}

// unusable is why a stream that is needed cannot be converted.
func (s stream) unusable() *RejectError {
	what := "picture"
	if s.Type == "audio" {
		what = "sound"
	}
	if s.isEncrypted() {
		return &RejectError{Code: Encrypted, Message: fmt.Sprintf(
			"The %s (stream %d) is encrypted; upload a copy without copy protection.", what, s.Index)}
	}
	return unsupportedCodec(fmt.Sprintf("The %s (stream %d)", what, s.Index), s.codecName())
}

func unsupportedCodec(subject, codec string) *RejectError {
	return &RejectError{Code: UnsupportedCodec, Message: fmt.Sprintf(
		"%s is in the codec %s, which cannot be converted; re-export it as H.264 with AAC in an MP4.", subject, codec)}
}

// refusedCodec is in the messages of ffprobe when it could not open a stream.
var refusedCodec = regexp.MustCompile(`Codec \(([A-Za-z0-9_-]{1,40})\) not on whitelist`)

// opened returns the options with which ffprobe opens the input.
func opened(demuxer string) []string {
	return source(demuxer, "-codec_whitelist:v", decoders+","+named, "-codec_whitelist:a", decoders+","+named,
		"-codec_whitelist:s", decoders+","+named)
}
