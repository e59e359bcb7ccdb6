// Package media holds the rules of media items: the files that creators upload, and what
// transcoding makes of them.
//
// # Life cycle
//
//	uploading ──complete──▶ uploaded ──start──▶ transcoding ──result──▶ ready
//	    │                      ▲                     │
//	    └──reject──▶ failed ◀──┼─────failure, stuck──┘
//	                   └─retry─┘
//
// While it is transcoding, an item becomes playable when its first rendition and all sound are stored;
// the status stays, since the original's clients know no other. It can be published and watched then. It
// stays playable when the rest of the job fails, until another attempt is requested, which may write
// over what is there.
//
// Deletion is possible in every status and final. In development a creator may set status and
// keys, as test clients do.
//
// # Uploads
//
// A file arrives by one PUT to a presigned URL, in parts with a presigned URL each
// ([PartsUpload]), or through the edge. None of these changes the item: [CompleteUpload] does,
// after the file was examined. The key of the object is below {creator}/originals/{item}/ and has
// an unguessable part, so that a presigned URL is valid for the file of one item only.
//
// # Attempts
//
// An attempt is a transcoding job. It counts when it starts; an item has three at most. Every
// attempt has its own job id, which the transcoder's reports must name. Reports on a job that is
// not current, on an item that is not being transcoded, or on a deleted item are ignored, which is
// no error of the transcoder. One exception: the result of a job that failed as stuck is accepted
// until another attempt starts, because its outputs exist.
//
// # Conventions
//
// Functions take a state, a command and the time, and return the next state and its events, or an
// error. The version of the state rises by one with every event. No event has a title, a
// description, or the error text of an external transcoder.
//
// The payload and the signature of the transcoder's callback are here because edge and transcoder
// share them.
package media
