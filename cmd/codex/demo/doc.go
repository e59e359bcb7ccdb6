// Package demo drives the main job of the platform from the outside: a creator uploads and
// sells, a buyer pays and watches, the payment is refunded.
//
// It is a client. It uses the HTTP API, the bus, and the event contract of package events,
// and imports nothing else of the platform: what it does, any other program can do. It gets
// credentials as people do, from the mailbox page and the payments sandbox's page, which
// exist in development only.
//
// It checks what users would notice: the file goes straight to storage; events follow the
// transcoding; a file that is no video fails with a reason; a user who has not paid is
// denied; a payment gives access within [AccessWithin]; every byte range of every rendition
// is fetched and decoded; the captions and chapters of the file reach players word for word; the
// storyboard has a picture for every two seconds; the original is downloaded as it was uploaded;
// a podcast app plays the buyer's private feed; a refund revokes the access. The first
// deviation ends the demonstration.
//
// Without the address of a running platform it starts a temporary one, as a child process
// that inherits no configuration, and removes it at the end.
package demo
