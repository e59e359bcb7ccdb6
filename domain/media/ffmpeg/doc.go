// Package ffmpeg inspects and converts media files that users upload.
//
// It runs two programs, ffprobe and ffmpeg, on the local file system, and knows nothing of object
// stores, databases or message buses. The edge uses [Sniff], [Agrees] and [Tool.Probe] when an
// upload completes; the transcoder uses [Tool.Transcode] on a file that it has fetched into a work
// directory.
//
// # Guarantees
//
//   - A file that is not what it claims to be is rejected with a [RejectError], whose code and
//     message may be shown to the uploader. Every other error is the platform's own (disk, missing
//     program, cancellation) and says nothing about the file.
//   - A file cannot make the programs read another file or open a connection: the demuxer follows
//     from the MIME type and is the only one allowed, nested ones included; the only protocols are
//     file and pipe; decoders come from a fixed list; playlists (HLS, DASH, SDP, concat) have no
//     demuxer here at all.
//   - Outputs are complete or the call fails: every playlist is read back, and its byte ranges must
//     cover its file exactly.
//   - When a call returns, in any way, no process that it started is alive.
//
// # Confinement of the child
//
// There is no shell and an empty environment. The child has its own process group, which is killed
// when the context ends, and a death signal for the case that this process dies first. It inherits
// the input as an open descriptor and the output directory as its working directory, so it needs
// no right on any path that leads there, and file names cannot redirect it.
//
// prlimit(1) sets the limits of address space, CPU time, file size and open files, and then
// replaces itself by ffmpeg: the limits hold from the first instruction of ffmpeg, and a root
// without CAP_SYS_RESOURCE (the usual container) can set them, unlike with prlimit(2) from outside.
//
// On Linux the child also has its own network, process and IPC namespaces (no network interface is
// up, and its descendants die with it), through a user namespace unless this process is root. As
// root the child runs as uid 65534. [New] tries the strongest confinement once and keeps what the
// machine permits; [Tool.Confinement] describes it. Without namespaces only the protocol list keeps
// the child off the network: run the worker in its own network there. On other systems only the
// process group and the lists remain, which suffices for development, not for users' files.
//
// As root, the output directory is given to uid 65534 while ffmpeg runs, and the input is made
// readable to its group; both belong to the job.
//
// # Outputs
//
// The ladder of a video is 1080p, 720p, 480p, 360p and 240p, with the source's own size on top, up to
// [Config.MaxHeight]. "720p" means the shorter side, so a portrait phone video becomes 720×1280. The
// frame rate is made constant. Key frames (every 2 s) and segments (6 s) fall on the same instants in
// all of them. Each rendition is fragmented MP4 in one file with byte ranges, its initialisation
// segment in front.
//
// Picture and sound are apart: sound is encoded once and not once for each picture, a player that
// changes the picture keeps its sound, and further sound tracks are renditions like the main one. The
// main track is also made in 64 kbit/s, which the master playlist has as a rung without a picture. A
// rendition of I-frames alone, every 2 s, serves seeking with pictures.
//
// # Passes over the source
//
// The first pass makes one small picture and everything that comes from single frames: candidates of
// the poster and I-frames. At the same time sound is measured and encoded by two further processes,
// which leave the picture's pass most of the cores. Then the video can be watched ([Job.Playable]), and
// a second pass makes the other pictures. The preview is copied from the rendition of 720p into a file
// of its own, with sound that was encoded for it: a range on the rendition's file would give access to
// the paid rest of it. A new output that needs decoded frames is one more value in extras.
//
// One pass for all would save a decode, 6 % of the CPU time of 20 s of 720p (10.6 s instead of 10.0 s
// for four pictures), but then nothing could be watched before everything is there. Loudness has to be
// known before sound is encoded. BenchmarkTranscode, 20 s of 720p on two cores that others used as well:
// the whole job took 1.12 times the time and 1.14 times the CPU time of one plain ffmpeg that makes the
// same renditions, and the first one was there after 28 % of it.
//
// A source of [Config.LongSource] or more is encoded rendition by rendition after its first pass, and
// each is reported when it is complete: after a crash the next call keeps those that are there. The
// further decodes cost less than an hour of encoding that is lost.
//
// # Encoders
//
// x264 runs with preset veryfast at CRF 23 under the rendition's maximum rate. Measured, 20 s of
// a busy 720p test picture into 720p and 480p: veryfast takes 10.9 s of CPU time, so that 2 cores
// convert several times faster than playback; fast takes 20.2 s, writes 14–20 % more bytes at the
// same CRF and gains 0.0014 of SSIM (0.9931 to 0.9945), which is not worth the time.
//
// There are no B-frames. Their reordering delays the picture by the composition offset, which players
// that ignore edit lists do not take back, so that the sound would lead; ffmpeg's HLS muxer cannot write
// the negative offsets that need no edit list. Measured at CRF 23, 10 s of 720p: three B-frames save
// 8 % (test picture) and 16 % (Mandelbrot zoom) of the bytes, lose 0.0006 and 0.0012 of SSIM, and take
// 49 % and 25 % more CPU time.
//
// Further codecs and hardware are a matter of configuration; [New] tries them in the confinement, so
// that a machine without them does not start.
//
// # Sound
//
// Loudness is measured once (EBU R 128) and corrected by one constant gain towards −16 LUFS that
// never raises the true peak above −1.5 dBTP. A constant gain cannot pump and keeps the dynamic
// range of the recording; a track that would clip stays quieter.
package ffmpeg
