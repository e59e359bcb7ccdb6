// Package transcoder is the platform's own transcoder: a worker that lives on the event media.transcoding_started and
// reports through the same signed callback that an external transcoder would use. It writes nothing to the database.
//
// # A job
//
// The original is fetched into a work directory, in exactly the version that was examined; ffmpeg makes the renditions; the
// outputs go to the object store, the master playlist last, so that whoever finds it finds everything; then the result is
// reported. A file that is at fault ends the job with a failure; a failure of ours is tried three times.
//
// # Whatever crashes
//
// The event is acknowledged only when the report was accepted, so a job whose worker died comes again, and starts from the
// beginning, with one exception: what was going to be reported is first stored next to the outputs, and a job that finds
// its report there only delivers it. Outputs are never deleted because a callback failed. A report that arrives twice is
// one command at the edge; a job that is over, or belongs to a deleted item, is noticed before it starts, every few seconds
// while it runs, and before and after its outputs are uploaded. Work directories are removed when a job ends, and at the
// start of a worker those that a killed one left.
//
// # Silent jobs
//
// Progress is reported at most once a second, best effort; it doubles as the job's sign of life. [Sweeper] fails the jobs
// that gave none for two hours. A worker that was only slow still delivers: the rules accept the result of such a job until
// another attempt begins.
package transcoder
