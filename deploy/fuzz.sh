#!/usr/bin/env bash
# Runs every fuzz target of the module for a short time, one after the other.
#
#   deploy/fuzz.sh [DURATION]      default: 5s
#
# go test fuzzes one target at a time, so the targets are found by their
# declaration. An input that fails is kept in the package's testdata/fuzz.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
duration=${1:-5s}
count=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while IFS=: read -r file target; do
	count=$((count + 1))
	# A run without the unit tests: they had their own.
	if ! go test -run '^$' -fuzz "^${target}\$" -fuzztime "$duration" "./$(dirname "$file")" 2>&1 | tee "$log"; then
		# When the time is over while a worker is busy, the fuzzer may report the
		# deadline itself as a failure. A real one leaves the input behind.
		if grep -q 'Failing input written' "$log" || ! grep -q 'context deadline exceeded' "$log"; then
			exit 1
		fi
		echo "fuzz: $target ended on its time limit, no input failed"
	fi
done < <(grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' cmd domain events handlers outbox migrations deploy 2>/dev/null |
	sed 's/:func /:/' | sort)
echo "fuzz: $count targets, $duration each"
