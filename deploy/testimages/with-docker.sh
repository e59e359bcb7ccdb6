#!/usr/bin/env bash
# Runs a command while a Docker daemon answers.
#
#   deploy/testimages/with-docker.sh COMMAND [ARGUMENT ...]
#
# A daemon that answers already is used and left alone. Otherwise root on Linux
# gets one of its own for as long as the command runs (dockerd is installed by
# setup.sh if it can be); it is ended by its process id. The exit status is the
# command's, or 69 (EX_UNAVAILABLE) when no daemon can be had, after one line
# that says why.
set -euo pipefail

readonly unavailable=69
readonly start_seconds=60
readonly stop_seconds=30
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

say() { printf 'docker: %s\n' "$*" >&2; }

answers() { timeout 10 docker info >/dev/null 2>&1; }

daemon_pid=
daemon_dir=

stop_daemon() {
	[[ -n $daemon_pid ]] || return 0
	kill -TERM "$daemon_pid" 2>/dev/null || true
	local waited=0
	while kill -0 "$daemon_pid" 2>/dev/null && ((waited < stop_seconds * 10)); do
		sleep 0.1
		waited=$((waited + 1))
	done
	kill -KILL "$daemon_pid" 2>/dev/null || true
	wait "$daemon_pid" 2>/dev/null || true
	daemon_pid=
	rm -rf "$daemon_dir"
}

start_daemon() {
	if [[ $(uname -s) != Linux ]] || ((EUID != 0)); then
		say "no daemon answers, and only root on Linux can start one; start Docker and run this again"
		return "$unavailable"
	fi
	if ! "$here/../setup.sh" docker; then
		say "no daemon answers and Docker cannot be installed here"
		return "$unavailable"
	fi
	daemon_dir=$(mktemp -d)
	# Its own session, so that an interrupt meant for the tests lets the
	# containers be removed before the daemon goes.
	setsid dockerd >"$daemon_dir/log" 2>&1 </dev/null &
	daemon_pid=$!
	local waited=0
	until answers; do
		if ! kill -0 "$daemon_pid" 2>/dev/null || ((waited >= start_seconds * 5)); then
			say "dockerd does not start here; its last lines:"
			tail -n 5 "$daemon_dir/log" >&2 || true
			return "$unavailable"
		fi
		sleep 0.2
		waited=$((waited + 1))
	done
	say "started dockerd (pid $daemon_pid) for this run"
}

main() {
	(($#)) || {
		say "usage: with-docker.sh COMMAND [ARGUMENT ...]"
		return 2
	}
	if ! { command -v docker >/dev/null 2>&1 && answers; }; then
		trap stop_daemon EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM
		start_daemon || return "$unavailable"
	fi
	"$@"
}

main "$@"
