#!/usr/bin/env bash
# Builds the two images the integration tests run against, from what the machine
# has: no image registry is asked.
#
#   deploy/testimages/build.sh [postgres|nats] ...      default: both
#
#   codex-test-postgres:15   this machine's Postgres binaries, the shared
#                            libraries they load and a shell, imported as an
#                            image; understands the POSTGRES_* variables of the
#                            official image (postgres/entrypoint.sh). The tag
#                            is the oldest version the platform supports; the
#                            label codex.postgres tells what is inside.
#   codex-test-nats:2        the nats-server of go.mod, static, alone in the image
#
# An image whose label codex.recipe matches what would be built is kept.
set -euo pipefail

readonly postgres_image=codex-test-postgres:15
readonly nats_image=codex-test-nats:2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

say() { printf 'testimages: %s\n' "$*" >&2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# recipe prints a digest of its arguments and of this folder's files.
recipe() {
	{
		printf '%s\n' "$@"
		cat "$here/build.sh" "$here/postgres/entrypoint.sh"
	} | cksum | tr -d ' '
}

is_current() {
	[[ $(docker image inspect -f '{{index .Config.Labels "codex.recipe"}}' "$1" 2>/dev/null || true) == "$2" ]]
}

# newest_postgres prints the directory of the newest packaged Postgres.
newest_postgres() {
	local dir
	for dir in $(printf '%s\n' /usr/lib/postgresql/* | sort -rV); do
		if [[ -x $dir/bin/postgres && -x $dir/bin/initdb ]]; then
			echo "$dir"
			return
		fi
	done
	return 1
}

# add copies files and folders into the image's root at the path they have here,
# following symbolic links.
add() {
	local path
	for path in "$@"; do
		mkdir -p "$work/root${path%/*}"
		cp -LR "$path" "$work/root${path%/*}/"
	done
}

# add_libraries copies every shared library the given binaries load.
add_libraries() {
	local library
	while read -r library; do
		[[ -e $work/root$library ]] || add "$library"
	done < <(ldd "$@" 2>/dev/null | grep -oE '/[^ :]+\.so[^ :]*' | sort -u)
}

build_postgres() {
	local dir version
	if ! dir=$(newest_postgres); then
		say "no packaged Postgres under /usr/lib/postgresql: name an image in CODEX_TEST_POSTGRES_IMAGE instead"
		return 1
	fi
	version=$("$dir/bin/postgres" --version)
	local digest
	digest=$(recipe "$version" "$(ldd --version 2>/dev/null | head -n 1)")
	if is_current "$postgres_image" "$digest"; then return; fi
	say "building $postgres_image ($version)"

	local programs=(/bin/sh /bin/mkdir /bin/chmod /bin/cat /bin/rm /usr/bin/locale) tool
	for tool in postgres initdb pg_ctl pg_isready psql; do
		if [[ -x $dir/bin/$tool ]]; then programs+=("$dir/bin/$tool"); fi
	done
	local modules=() module
	for module in "$dir"/lib/*.so; do
		# The just-in-time compiler alone would bring 100 MB, the procedural
		# languages their interpreters.
		case ${module##*/} in
		llvmjit*.so | plperl*.so | plpython*.so | pltcl*.so | *_plperl.so | *_plpython*.so) ;;
		*) modules+=("$module") ;;
		esac
	done
	local major=${dir##*/}
	add "${programs[@]}" "${modules[@]}" "/usr/share/postgresql/$major" /usr/share/zoneinfo
	if [[ -d /usr/lib/locale/C.utf8 ]]; then add /usr/lib/locale/C.utf8; fi
	add_libraries "${programs[@]}" "${modules[@]}"
	cp "$here/postgres/entrypoint.sh" "$work/root/entrypoint.sh"
	chmod 755 "$work/root/entrypoint.sh"
	mkdir -p "$work/root/etc" "$work/root/tmp" "$work/root/var/lib/postgresql/data" "$work/root/var/run/postgresql"
	printf 'root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n' >"$work/root/etc/passwd"
	printf 'root:x:0:\npostgres:x:999:\n' >"$work/root/etc/group"
	chmod 1777 "$work/root/tmp"
	chmod 1777 "$work/root/var/lib/postgresql/data" "$work/root/var/run/postgresql"

	tar -C "$work/root" --owner=0 --group=0 -cf - . | docker import \
		--change 'USER 999:999' \
		--change 'ENTRYPOINT ["/entrypoint.sh"]' \
		--change 'CMD ["postgres"]' \
		--change "ENV PATH=$dir/bin:/usr/bin:/bin LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data/cluster" \
		--change 'EXPOSE 5432' \
		--change "LABEL codex.recipe=$digest codex.postgres=\"$version\"" \
		- "$postgres_image" >/dev/null
}

build_nats() {
	local version architecture digest
	version=$(cd "$here/../.." && go list -m -f '{{.Version}}' github.com/nats-io/nats-server/v2)
	architecture=$(docker version -f '{{.Server.Arch}}')
	digest=$(recipe "$version" "$architecture")
	if is_current "$nats_image" "$digest"; then return; fi
	say "building $nats_image ($version)"
	mkdir -p "$work/nats/data"
	(cd "$here/../.." && CGO_ENABLED=0 GOOS=linux GOARCH=$architecture \
		go build -trimpath -ldflags='-s -w' -o "$work/nats/nats-server" github.com/nats-io/nats-server/v2)
	chmod 1777 "$work/nats/data"
	# As the embedded server: the longest articles need it.
	echo 'max_payload: 8MB' >"$work/nats/nats.conf"
	tar -C "$work/nats" --owner=0 --group=0 -cf - . | docker import \
		--change 'USER 999:999' \
		--change 'ENTRYPOINT ["/nats-server", "-c", "/nats.conf", "-js", "-sd", "/data"]' \
		--change 'EXPOSE 4222' \
		--change "LABEL codex.recipe=$digest codex.nats=$version" \
		- "$nats_image" >/dev/null
}

main() {
	local image
	for image in "${@:-both}"; do
		case $image in
		both)
			build_postgres
			build_nats
			;;
		postgres) build_postgres ;;
		nats) build_nats ;;
		*)
			say "unknown image '$image', one of postgres, nats is meant"
			return 2
			;;
		esac
	done
}

main "$@"
