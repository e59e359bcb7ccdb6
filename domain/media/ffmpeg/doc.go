// Package ffmpeg looks at, and converts, media files that strangers uploaded.
//
// It speaks to two programs, ffprobe and ffmpeg, and to the local file system; it knows nothing
// of object stores, databases or message buses. The edge uses [Sniff], [Agrees] and [Tool.Probe]
// when an upload completes; the transcoder worker uses [Tool.Transcode] on a file it has fetched
// into a work directory.
//
// # What it promises
//
//   - A file that is not what it claims to be is refused with a [RejectError], whose code and message may be shown to the
//     uploader. Every other error is ours (disk, missing program, cancellation) and says nothing about the file.
//   - No byte outside the given file is read because the file asked for it, and no connection is opened: the demuxer is
//     forced by the MIME type and is the only one allowed, nested ones included; the only protocols are file and pipe;
//     decoders come from a fixed list; playlists (HLS, DASH, SDP, concat) have no demuxer here at all.
//   - Outputs are complete or the call fails: every playlist is read back, its byte ranges must cover its file exactly.
//   - When a call returns, on whatever path, no process it started is alive.
//
// # How the child is confined
//
// No shell; an empty environment; its own process group, killed when the context ends, and a
// death signal should this process die first. The input is handed over as an open descriptor and
// the output directory as the working directory, so the child needs no right on any path that
// leads to them, knows none, and cannot be sent elsewhere by a file name.
//
// Limits of address space, CPU time, file size and open files are set by prlimit(1), which
// replaces itself by ffmpeg: the limits stand before the first instruction of ffmpeg, and a root
// without CAP_SYS_RESOURCE (the usual container) can still set them, which prlimit(2) from
// outside could not.
//
// On Linux the child also gets a network, a process and an IPC namespace of its own (no interface
// is up in it, and its descendants die with it), through a user namespace when we are not root.
// When we are root it runs as uid 65534. [New] tries the strongest of these once and keeps what
// the machine permits; [Tool.Confinement] tells which. Where namespaces are refused, what keeps
// the child off the network is the protocol list alone; run the worker in a network of its own
// there. Elsewhere than on Linux only the process group and the whitelists remain: good for
// development, not for strangers' files.
//
// As root, the output directory is given to uid 65534 while ffmpeg runs, and the input is made
// readable to its group; both belong to the job by contract.
//
// # What it makes
//
// One ffmpeg process decodes the source once and writes all renditions, so their key frames
// (every 2 s) and segments (6 s) fall on the same instants. Each rendition is fragmented MP4 in
// one file with byte ranges, its initialisation segment in front. "720p" means the shorter side,
// so a portrait phone video becomes 720×1280. The frame rate is made constant.
//
// x264 runs with preset veryfast at CRF 23 under the rendition's maximum rate. Measured, 20 s of
// a busy 720p test picture into 720p and 480p: veryfast takes 10.9 s of CPU time, so that 2 cores
// convert several times faster than playback; fast takes 20.2 s, writes 14–20 % more bytes at the
// same CRF and gains 0.0014 of SSIM (0.9931 to 0.9945). Time was worth more.
//
// Loudness is measured once (EBU R 128) and corrected by one constant gain towards −16 LUFS that
// never lifts the true peak above −1.5 dBTP. A constant gain cannot pump and keeps the range of
// the recording; a track that would clip stays quieter.
//
// The preview is encoded from the source, not cut from a rendition by byte ranges: a range on the
// rendition's file would let anyone who may see the preview fetch the paid rest.
package ffmpeg
