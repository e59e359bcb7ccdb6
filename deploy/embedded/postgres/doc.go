// Package postgres runs a private Postgres cluster as a child process.
//
// Start finds the Postgres programs, creates the cluster when the directory is
// new, starts it and returns once it answers. The cluster listens on a unix
// socket only, in a directory of mode 0700, so it needs no password and takes no
// port. It promises what a production database promises: fsync, synchronous
// commit and page checksums are on.
//
// # Processes
//
// The cluster outlives nothing. Stop ends it with a fast shutdown. When this
// process dies without calling Stop, the kernel sends the postmaster SIGINT
// (Linux: parent-death signal), which is the same fast shutdown. Where that does
// not exist, or when the postmaster itself was killed and left backends behind,
// the next Start finds what still works in the data directory, ends it and waits.
// A lock next to the cluster keeps a second Start out, so what it finds is an
// orphan and never a database in use.
//
// A terminal's Ctrl-C does not reach Postgres (it has its own process group):
// the program decides in which order its parts stop.
//
// # Files in Config.Dir
//
//	data/           the cluster; created as data.new and renamed when complete
//	socket/         the socket, unless the path is too long for a unix socket
//	socket-dir      where the socket is
//	lock            held while a Server lives, with the pid of its owner
//	postgres.log    warnings and errors, at most two files of 4 MiB
//
// # Root
//
// Postgres refuses to run as root. For root the cluster belongs to the account
// "postgres", or "nobody" when there is none, and runs under it. When that account
// may not enter a directory on the way (/root, a directory of mktemp), its
// processes are lent the one capability to pass, and a warning says so; a path
// that everybody may enter avoids it.
//
// # Size
//
// The settings are for a laptop: 32 MiB of shared buffers, 60 connections, no
// parallel workers, no replication launcher.
package postgres
