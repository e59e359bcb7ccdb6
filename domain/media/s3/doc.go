// Package s3 speaks to an S3-compatible object store (R2, MinIO, AWS, the embedded gateway).
//
// It knows buckets, keys and bytes, and nothing of media items. Addresses are path-style. Every
// operation has a time limit and is attempted three times, with a back-off of 100 ms, doubled, 2
// s at most, with jitter; a refusal of the store is final at once. A missing object is
// [ErrNotFound], an object that changed meanwhile is [ErrChanged]; every other error means that
// the store could not be asked.
//
// Presigned addresses are computed here, without the network: they are issued while the store is away. The host that
// clients reach may differ from the one that we reach ([Config.PublicEndpoint]); the signature covers the former. An
// address for an upload has content type and exact length signed: the store refuses any other.
//
// Checksums beyond Content-MD5 are sent only where the protocol demands them; several stores do not know the others.
package s3
