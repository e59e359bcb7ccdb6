// Package media holds the rules of media items: the files that creators upload, and what transcoding makes of them.
//
// # The life of an item
//
//	uploading ──complete──▶ uploaded ──start──▶ transcoding ──result──▶ ready
//	    │                      ▲                     │
//	    └──reject──▶ failed ◀──┼─────failure, stuck──┘
//	                   └─retry─┘
//
// Deletion is possible from every status and is final. In development a creator may set status
// and keys by hand, as test clients of the contract do; nowhere else.
//
// # Uploads
//
// A file comes by one PUT to a presigned address, in parts to presigned addresses of their own
// ([PartsUpload]), or through the edge. None of these changes the item: that the file is there is
// said by [CompleteUpload], after it was looked into. The object's key is ours: it lies below
// {creator}/originals/{item}/ and has an unguessable part of its own, so that an address for one
// item's file is good for nothing else.
//
// # Attempts
//
// An attempt is a transcoding job. It is counted once, when it starts; an item has three at most.
// Every attempt has a job id of its own, and whatever a transcoder reports must quote it: reports
// on another job than the current one, on an item that is not being transcoded, or on a deleted
// item change nothing. They are answered kindly all the same, since the transcoder can do nothing
// about it. One exception: the result of a job that was taken for dead is accepted as long as no
// other attempt has begun, because its outputs are there.
//
// # What the package promises
//
// Functions take a state, a command and the time, and return the next state and the events that
// tell of it, or a refusal. The state's version rises by one with every event. No event carries a
// title, a description or the text of an error that somebody else wrote.
//
// The transcoder's callback (its payload, its signature) is part of the rules, because two
// programs that may not share anything else must agree on it.
package media
