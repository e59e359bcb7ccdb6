// Package transcoder is the platform's own transcoder: a worker that takes jobs from the queue
// and reports through the same signed callback as an external transcoder would.
//
// # The queue
//
// The event media.transcoding_started puts a job into table transcoding_jobs, from which workers
// claim it for the length of a lease. They renew the claim while they work. The event stream itself
// is no queue for this work: it has one order for short and long jobs, cannot say what a source
// turned out to be, and keeps nothing of an attempt.
//
// Half of the places of a worker are for short jobs only, so that an hour-long film holds none of
// them up; the other half prefers long jobs, so that these wait for one short job at most. Jobs of
// one length go in the order of their start, a lower priority as if it had started 10 minutes
// later. A job is taken for a short one until its source is examined, unless the original is large;
// one that turns out long is returned for a place of its length.
//
// # A job
//
// The worker fetches the original into a work directory, in exactly the version that was
// examined, and makes the renditions with FFmpeg. It stores the outputs, the master
// playlist last, so that a playlist never names what is not there yet, and then reports the
// result. A file that is at fault fails the job at once; a failure of the platform's own is
// retried twice.
//
// The first rendition of a video is reported before the others are encoded: it can be played by a
// master playlist of its own (playable.m3u8), which nothing replaces. The final master playlist has
// another name, and one report switches to it.
//
// Space in the work directory is reserved before anything is fetched, and again when the source is
// known, for the original and the most that the outputs can take. A job for which there is none
// waits in the queue; its step is waiting_for_space.
//
// # Crashes
//
// The claim of a worker that died runs out after 10 s, and the next free worker takes the job over. Each
// rendition of a long source is stored when it is finished and recorded with its checksum, and the
// next attempt fetches it instead of encoding it again. A worker whose claim was taken over, after a
// pause for example, stops before it stores anything. A job that kills its workers is given up after
// five of them, unless it gets on.
//
// A job is over only when its report was accepted. Before the first attempt to report, the report is
// stored next to the outputs; a job that finds its report there only delivers it. Outputs
// are never removed because a callback failed, and a report that arrives twice is one
// command at the edge.
//
// A job is current until it is over, another attempt has started, or its item is deleted.
// The worker checks that before it starts, every few seconds while it runs, and before and
// after it stores the outputs. Work directories are removed when their job ends, and those
// of a crashed worker when the next one starts.
//
// # Progress
//
// Progress is reported at most once a second, at least once a minute, and does not go back when a
// job is taken over. Lost reports are not repeated. It also shows that the job is alive: the job
// ingest.fail_silent_jobs fails jobs that were silent for two hours, unless they wait in the queue of
// busy workers. A slow worker may still deliver: its result is accepted until the next attempt starts.
package transcoder
