#!/usr/bin/env bash
# Looks at what the program is made of and at what the repository holds:
#
#   deploy/scan.sh
#
#   vulnerabilities   govulncheck, with its public database
#   sbom              cyclonedx-gomod writes bin/sbom.json (CycloneDX)
#   licences          those in the SBOM are the permissive ones listed below
#   secrets           no key of a live account and no private key is in a file
#
# A scan that cannot run here says so and is no failure. The exit status is 1
# when one has found something.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

readonly govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.9.0
readonly cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
readonly sbom=bin/sbom.json
# SPDX names, as they are detected: BSD-Source-Code is what golang.org/x/… are taken for.
# MPL-2.0 binds the files it covers only, CC-BY-SA-4.0 the documentation of go-digest.
readonly licences='0BSD Apache-2.0 BSD-2-Clause BSD-2-Clause-FreeBSD BSD-3-Clause BSD-Source-Code CC-BY-SA-4.0 ISC MIT MPL-2.0 Unlicense Zlib'

found=0

report() { printf 'scan: %s: %s\n' "$1" "$2"; }

# last prints the last line of what a tool said, without the one that go run adds.
last() { grep -v '^exit status' <<<"$1" | tail -n 1; }

vulnerabilities() {
	local status=0 text
	text=$(timeout 600 go run "$govulncheck" ./cmd/... 2>&1) || status=$?
	case $status in
	0) report vulnerabilities "none is reachable" ;;
	3)
		printf '%s\n' "$text"
		report vulnerabilities "found, see above"
		found=1
		;;
	*) report vulnerabilities "not run: $(last "$text")" ;;
	esac
}

write_sbom() {
	local text
	mkdir -p "${sbom%/*}"
	if text=$(timeout 600 go run "$cyclonedx" mod -json -licenses -output "$sbom" 2>&1); then
		report sbom "$sbom, $(grep -c '"purl": "pkg:golang' "$sbom") modules"
		return 0
	fi
	report sbom "not written: $(last "$text")"
	return 1
}

# check_licences prints every licence of the SBOM that is not allowed.
check_licences() {
	local id other=()
	for id in $(grep -o '"id": "[A-Za-z0-9.+-]*"' "$sbom" | cut -d'"' -f4 | sort -u); do
		[[ " $licences " == *" $id "* ]] || other+=("$id")
	done
	if ((${#other[@]})); then
		report licences "not allowed: ${other[*]}"
		found=1
	else
		report licences "$(grep -o '"id": "[A-Za-z0-9.+-]*"' "$sbom" | cut -d'"' -f4 | sort | uniq -c | awk '{ printf "%s%s %d", sep, $2, $1; sep = ", " }')"
	fi
}

secrets() {
	if ! git rev-parse --git-dir >/dev/null 2>&1; then
		report secrets "not run: this is no git checkout"
		return
	fi
	# Secrets of tests say in base64 that they are: "booking-secret-…", "chaos-chaos-…".
	local pattern='(sk|rk)_live_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|xox[abprs]-[A-Za-z0-9-]{10,}'
	local lines
	lines=$(git grep -nIE "$pattern" -- . ':!deploy/scan.sh' | grep -vE 'whsec_(Ym9va2luZy1zZWNyZXQ|Y2hhb3MtY2hhb3M)' || true)
	if [[ -n $lines ]]; then
		cut -c1-120 <<<"$lines"
		report secrets "found, see above"
		found=1
	else
		report secrets "none"
	fi
}

vulnerabilities
write_sbom && check_licences
secrets
exit "$found"
