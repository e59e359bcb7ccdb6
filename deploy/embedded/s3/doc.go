// Package s3 runs an S3 gateway inside this process, on a local directory.
//
// Clients speak to it as to any S3 endpoint: SigV4 in headers and in presigned
// URLs, ranges, conditional and multipart uploads, listings, copies, CORS. The
// bytes of an object are on disk before its upload is acknowledged.
//
// The protocol comes from versitygw, with its file backend behind it. That
// program expects to be alone in its process; what this package does about it:
//
//   - The file backend names buckets relative to the working directory and changes
//     into its root. Here it is opened on the working directory as it is, and the
//     adapter store hands it absolute paths, so that the working directory of the
//     program never changes and gateways live side by side (tests need that).
//   - Its embedding entry point, embedgw, allows one instance per process, prints
//     to stdout and writes a banner. The server type below it does not, and is
//     what runs here: no administration interface, no web pages.
//   - It cannot say which port it was given, so a free port is chosen first and
//     another one if it was taken meanwhile.
//   - Shutdown waits for open requests, up to ten seconds. Stop gives up earlier,
//     when its context ends; the rest ends with the process.
//
// One account exists: the configured keys, which may do everything. There are no
// bucket policies, ACLs, versions, tags or locks; asking for them is answered as
// S3 answers when they are not configured.
//
// # Files in Config.Dir
//
//	buckets/    one directory per bucket, one file per object
//	metadata/   content types and ETags, when the file system has no extended
//	            attributes; otherwise they are attributes of the files
package s3
