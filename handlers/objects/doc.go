// Package objects looks after what is in the object store and belongs to nothing any more.
//
// That a media item's objects go when it is deleted is the sweep of package reactions, which lives on the event. What is
// left to this package is what no event tells of:
//
//   - [Uploads] ends uploads in parts that nobody will complete: after seven days, or when their item is deleted or has its
//     file from elsewhere.
//   - [Orphans] searches both buckets for objects below an item's prefixes whose item is not there: a file that was sent
//     while its item was deleted, the outputs of a job that nobody was told of. It removes those that are older than a
//     day, and uploads in parts that the store has known for longer than any may be open.
//
// An object is an orphan only when its key has the form that this platform gives to objects of media,
// {creator}/{area}/{item}/…; everything else in the buckets is left alone. Both may run in several processes at once:
// removing twice is removing once.
package objects
