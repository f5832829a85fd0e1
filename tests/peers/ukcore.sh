#!/usr/bin/env bash
# The examples of the UK Core package through the CSDS mapping: none may crash it, each must be accounted for.
# Bundles count as the resources in them.
source "$(dirname "$0")/../../deploy/lib/common.sh"

package=$(find "$cache/packages" -maxdepth 1 -name 'fhir.r4.ukcore.*' | sort | tail -1)
[ -n "$package" ] || { echo "skipped: the UK Core package is not installed (deploy/install brings it)"; echo "0 passed, 0 failed"; exit 0; }
examples=$package/package/examples
files=$(find "$examples" -name '*.json' | wc -l)
out=$(mktemp)
trap 'rm -f "$out"' EXIT
passed=0 failed=0
check() { if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); say "failed: $2"; fi; }

code=0
"$bin" map "$examples" --collection csds/1.6 --summary >"$out" || code=$?
cat "$out"
check "$code" "tributary map ended with $code"
[ "$files" -ge 215 ] && check 0 || check 1 "there are $files examples, at least 215 are expected"
grep -q ', 0 unaccounted$' "$out" && check 0 || check 1 "a resource is not accounted for"
# Patients and completed coded immunisations are what a national table can use among them.
for table in CYP001MPI CYP002GP CYP501CodedImm CYP901StaffDetails; do
  grep -Eq "^ +[1-9][0-9]*  $table$" "$out" && check 0 || check 1 "no rows of $table"
done
# The same through the gateway, from a watched folder to a folder.
gateway=$(python3 "$root/tests/peers/ukcore/test.py" --bin "$bin" --examples "$examples" 2>&1) || true
printf '%s\n' "$gateway" | sed '$d'
if [[ $(tail -n 1 <<<"$gateway") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
  passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
else
  check 1 "the run through the gateway did not finish: $(tail -n 1 <<<"$gateway")"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
