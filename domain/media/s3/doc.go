// Package s3 is a client of S3-compatible object stores (R2, MinIO, AWS, the embedded gateway).
//
// It knows buckets, keys and bytes, and nothing of media items. URLs are path-style. Every
// operation has a time limit and three attempts, with a back-off of 100 ms that doubles up to
// 2 s, with jitter; a 4xx response of the store is not retried. A missing object is
// [ErrNotFound], a changed one [ErrChanged]; every other error means that the store is
// unavailable.
//
// Presigned URLs are computed without the network, also while the store is unavailable. Their
// host is that of [Config.PublicEndpoint], which clients reach, and part of the signature. A
// presigned upload has its content type and exact length signed: the store rejects any other.
//
// Checksums other than Content-MD5 are sent only where the protocol requires them, because
// several stores do not support the others.
package s3
