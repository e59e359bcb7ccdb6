#!/bin/sh
# Starts Postgres in the test image, with the conventions of the official image:
#
#   POSTGRES_USER              superuser, default postgres
#   POSTGRES_PASSWORD          its password; may be absent with trust
#   POSTGRES_DB                database created at the first start, default the user's name
#   POSTGRES_HOST_AUTH_METHOD  how TCP clients authenticate, default scram-sha-256
#   PGDATA                     the cluster's folder
#
# Arguments after the image's name go to postgres (-c fsync=off and the like).
# The port opens after the database exists, so a client that can connect finds
# everything in place.
set -eu

if [ "${1#-}" != "$1" ]; then
	set -- postgres "$@"
fi
if [ "$1" != postgres ]; then
	exec "$@"
fi

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
		echo "set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust" >&2
		exit 1
	fi
	mkdir -p "$PGDATA"
	chmod 700 "$PGDATA"
	if [ -n "${POSTGRES_PASSWORD:-}" ]; then
		(umask 077 && printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password)
		initdb -D "$PGDATA" -U "$user" -E UTF8 --locale=C.UTF-8 --auth-local=trust \
			--auth-host="$method" --pwfile=/tmp/password --no-sync >/dev/null
		rm -f /tmp/password
	else
		initdb -D "$PGDATA" -U "$user" -E UTF8 --locale=C.UTF-8 --auth-local=trust \
			--auth-host="$method" --no-sync >/dev/null
	fi
	printf "listen_addresses = '*'\n" >>"$PGDATA/postgresql.conf"
	printf 'host all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
	if [ "$database" != postgres ]; then
		printf 'CREATE DATABASE "%s"\n' "$database" | postgres --single -D "$PGDATA" postgres >/dev/null
	fi
fi

exec "$@"
