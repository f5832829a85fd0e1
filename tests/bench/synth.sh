#!/usr/bin/env bash
# The synthetic caseload, made and written to NDJSON files: tests/bench/run synth [PATIENTS]
source "$(dirname "$0")/../../deploy/lib/common.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$bin" synth --patients "${1:-50000}" --seed 1 -o "$work/caseload" | tee "$work/said"
sed -nE 's/^synth: .*\(([0-9]+) resources\/s\)$/synth: \1 resources\/s/p' "$work/said"
