#!/usr/bin/env bash
# NDJSON in, rows out: a Patient view of six columns with a forEach, one thread, beside the peers in the same run.
# Last line: views: N resources/s (R x PEER), the peer being the fastest of them.
source "$(dirname "$0")/../../deploy/lib/common.sh"
cd "$root"
build=${TRIBUTARY_BUILD:-$build} bin=${TRIBUTARY_BUILD:-$build}/tributary  # another build folder, for comparisons
peers=$root/tests/bench/peers
view=$peers/patient_view.json
examples="$cache/packages/hl7.fhir.r4.examples#4.0.1/package"
[ -x "$build/tests/bench/bench_views" ] || build_targets bench_views
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
count=${TRIBUTARY_BENCH_PATIENTS:-50000}

js=$("$peers/fetch.sh" js) || js=
fhir4ds=$("$peers/fetch.sh" fhir4ds) || fhir4ds=
python3 "$peers/prepare.py" patients "$work/examples.ndjson" "$examples" 20000
sets=(examples)
if population=$("$root/tests/peers/lib/synthea.sh" generate 60 20260101); then
  python3 "$peers/prepare.py" replicate "$work/population.ndjson" "$population/fhir" "$count"
  sets+=(population)
else
  say "Without Synthea the closing figure is that of the small example Patients."
fi

status=0
rate() { awk -F'\t' '$1 == "views" {printf "%.0f", $2 / $3}' "$1"; }
digest() { LC_ALL=C sort "$1" | sha256sum | cut -c1-16; }
for set in "${sets[@]}"; do
  file=$work/$set.ndjson
  lines=$(wc -l <"$file") bytes=$(stat -c %s "$file")
  case $set in
    examples) echo "small Patients of hl7.fhir.r4.examples, $lines of $((bytes / lines)) bytes" ;;
    population) echo "Synthea Patients, $lines of $((bytes / lines)) bytes, ids distinct" ;;
  esac
  "$build/tests/bench/bench_views" "$view" "$file" "$work/tributary.rows" >"$work/tributary"
  engines=(tributary)
  [ -z "$fhir4ds" ] || { "$fhir4ds/bin/python" "$peers/fhir4ds/views_peer.py" "$view" "$file" "$work/fhir4ds.rows" >"$work/fhir4ds" 2>"$work/log" &&
    engines+=(fhir4ds) || say "missing peer: fhir4ds did not run: $(tail -n 1 "$work/log")"; }
  [ -z "$js" ] || { NODE_PATH=$js/node_modules node "$peers/js/views_peer.js" "$view" "$file" "$work/fhirpath.js.rows" >"$work/fhirpath.js" &&
    engines+=(fhirpath.js) || say "missing peer: fhirpath.js did not run"; }
  if command -v sof-cli >/dev/null; then
    s=$(date +%s%N)
    sof-cli --view "$view" --source "file://$file" --format csv -o "$work/helios.csv" >/dev/null && engines+=(helios-sof)
    printf 'views\t%s\t%s\t0\t%s\n' "$lines" "$(awk "BEGIN {print ($(date +%s%N) - $s) / 1e9}")" \
      "$(($(wc -l <"$work/helios.csv") - 1))" >"$work/helios-sof"
  fi
  ours=$(rate "$work/tributary") best=0 peer=none
  printf '  %-12s %14s %10s %10s %9s  %s\n' engine resources/s MB/s rows ratio "sorted rows, SHA-256"
  for engine in "${engines[@]}"; do
    mine=$(rate "$work/$engine")
    rows=$(awk -F'\t' '$1 == "views" {print $5}' "$work/$engine")
    hash=-; [ ! -e "$work/$engine.rows" ] || hash=$(digest "$work/$engine.rows")
    [ "$engine" != tributary ] || ours_hash=$hash ours_rows=$rows
    printf '  %-12s %14s %10s %10s %8sx  %s\n' "$engine" "$mine" "$(awk "BEGIN {printf \"%.1f\", $mine * $bytes / $lines / 1e6}")" \
      "$rows" "$(awk "BEGIN {printf \"%.1f\", $ours / $mine}")" "$hash"
    if [ "$rows" != "$ours_rows" ] || { [ "$hash" != - ] && [ "$hash" != "$ours_hash" ]; }; then
      echo "  $engine GIVES OTHER ROWS: its figure means nothing"; status=1
    elif [ "$engine" != tributary ] && [ "$mine" -gt "$best" ]; then
      best=$mine peer=$engine
    fi
  done
  awk -F'\t' '$1 == "stages" {printf "  of our %.3f s, reading JSON takes %.3f s, view and CSV %.3f s; %s MB/s\n", $3 + $5, $3, $5, $7}' "$work/tributary"
  [ "$set" != examples ] || echo "  small Patients: $ours resources/s (at least 300,000 are wanted)"
done
[ "$peer" = none ] && ratio=0 || ratio=$(awk "BEGIN {printf \"%.1f\", $ours / $best}")
echo "views: $ours resources/s ($ratio x $peer)"
exit $status
