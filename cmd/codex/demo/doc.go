// Package demo drives the whole main job of the platform as a stranger would: a
// creator uploads and sells, a buyer pays and watches, money goes back.
//
// It is a client. It knows the HTTP API, the address of the bus, and the event
// contract of package events; it must not import anything else of the platform, so
// that whatever it proves, any other program can do as well. Credentials it gets
// the way people do, from the mailbox page and the payments sandbox's page: both
// exist in development only.
//
// What is checked is what users would notice. The file goes straight to storage;
// transcoding is followed by events; a file that is no video fails with a reason;
// whoever has not paid is denied; paying opens the door within [AccessWithin];
// every byte range of every rendition is fetched and decoded; a refund closes the
// door again. The first thing that is not as it should be ends the demonstration.
//
// Without an address of a running platform it starts a throw-away one, as a child
// process that inherits no configuration, and removes it in the end.
package demo
