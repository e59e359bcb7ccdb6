// Package transcoder is the platform's own transcoder: a worker that consumes the event
// media.transcoding_started and reports through the same signed callback as an external
// transcoder would. It only reads the database.
//
// # A job
//
// The worker fetches the original into a work directory, in exactly the version that was
// examined, and makes the renditions with FFmpeg. It stores the outputs, the master
// playlist last, so that a playlist never names what is not there yet, and then reports the
// result. A file that is at fault fails the job at once; a failure of the platform's own is
// retried twice.
//
// # Crashes
//
// The event is acknowledged only when the report was accepted, so the job of a crashed
// worker is redelivered and starts again. Before the first attempt to report, the report is
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
// Progress is reported at most once a second, and lost reports are not repeated. It also
// shows that the job is alive: the job ingest.fail_silent_jobs fails jobs that were silent
// for two hours. A slow worker may still deliver: its result is accepted until the next
// attempt starts.
package transcoder
