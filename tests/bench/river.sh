#!/usr/bin/env bash
# The whole way: NDJSON files of a synthetic caseload to delivered, accepted rows in a folder, every commit durable.
# There is no peer that does all of it, so the figure stands alone; the stages' shares are printed above it.
source "$(dirname "$0")/../../deploy/lib/common.sh"
source "$root/tests/bench/lib/files-to-folder.sh"
patients=${1:-10000}
work=$(mktemp -d "${TMPDIR:-/tmp}/tributary-river.XXXXXX")
trap 'rm -rf "$work"' EXIT
files_to_folder "$work"
"$bin" synth --patients "$patients" --seed 1 --out "$work/synth" | tail -n 1
# One file a type, in the order in which an export writes them; shared resources and patients come first.
n=0
for type in Organization Location Practitioner PractitionerRole HealthcareService CareTeam Patient RelatedPerson; do
  [ ! -f "$work/synth/$type.ndjson" ] || mv "$work/synth/$type.ndjson" "$work/drop/in/$(printf %02d $n)-$type.ndjson"
  n=$((n + 1))
done
for file in "$work"/synth/*.ndjson; do mv "$file" "$work/drop/in/50-$(basename "$file")"; done
"$bin" run -c "$work/gateway.toml" --until-drained --timings --closing river-account >"$work/account.txt"
sed -n '/^Stages/,/drained after/p' "$work/account.txt"
tail -n 1 "$work/account.txt"
resources=$(sed -nE 's/^river-account: ([0-9]+) resources.*/\1/p' "$work/account.txt")
seconds=$(sed -nE 's/^  drained after ([0-9.]+) s/\1/p' "$work/account.txt")
echo "files: $(ls "$work/out" | grep -c '\.zip$') submissions, $(du -sm "$work/state" | cut -f1) MB of state"
awk -v r="$resources" -v s="$seconds" 'BEGIN { printf "river: %d resources/s\n", r / s }'
