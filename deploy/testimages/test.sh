#!/usr/bin/env bash
# Runs the integration tests against Postgres and NATS in containers; a Docker
# daemon must answer (with-docker.sh sees to that).
#
#   deploy/testimages/test.sh [GO-TEST-FLAG ...]
#
# CODEX_TEST_POSTGRES_IMAGE and CODEX_TEST_NATS_IMAGE may name other images, the
# daemon pulls what it lacks. Those that are not named are built from this
# machine (build.sh). The integration tests are the packages whose tests use
# pgtest, natstest or handlertest; everything else ran in `make test` already.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."

if [[ -z ${CODEX_TEST_POSTGRES_IMAGE:-} ]]; then
	deploy/testimages/build.sh postgres
	export CODEX_TEST_POSTGRES_IMAGE=codex-test-postgres:15
fi
if [[ -z ${CODEX_TEST_NATS_IMAGE:-} ]]; then
	deploy/testimages/build.sh nats
	export CODEX_TEST_NATS_IMAGE=codex-test-nats:2
fi

packages=()
while read -r package; do
	packages+=("$package")
done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}{{end}}' ./... |
	awk '/\/(pgtest|natstest|handlertest)( |$)/ { print $1 }')
if ((${#packages[@]} == 0)); then
	echo "test-docker: no package uses pgtest, natstest or handlertest, so nothing would be tested" >&2
	exit 1
fi

echo "test-docker: ${#packages[@]} packages against $CODEX_TEST_POSTGRES_IMAGE and $CODEX_TEST_NATS_IMAGE" >&2
# -count=1: results of a run without containers must not answer for this one. Without the
# race detector: our code is the same as in `make test`, only the servers are others.
exec go test -count=1 -timeout 20m "$@" "${packages[@]}"
