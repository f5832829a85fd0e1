#!/usr/bin/env bash
# FHIRPath evaluations a second, beside HAPI and fhirpath.js in the same run.
# Last line: fhirpath: N evaluations/s (R x hapi)
source "$(dirname "$0")/../../deploy/lib/common.sh"
cd "$root"
build=${TRIBUTARY_BUILD:-$build} bin=${TRIBUTARY_BUILD:-$build}/tributary  # another build folder, for comparisons
peers=$root/tests/bench/peers
expressions=$peers/fhirpath_expressions.tsv
examples="$cache/packages/hl7.fhir.r4.examples#4.0.1/package"
[ -x "$build/tests/bench/bench_fhirpath" ] || build_targets bench_fhirpath tributary
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
warm=${TRIBUTARY_BENCH_WARM:-0.4} measure=${TRIBUTARY_BENCH_MEASURE:-0.4}

hapi=$("$peers/fetch.sh" hapi) || hapi=
js=$("$peers/fetch.sh" js) || js=
python3 "$peers/prepare.py" examples "$work/examples.ndjson" "$examples" 1000
sets=(examples)
if population=$("$root/tests/peers/lib/synthea.sh" generate 60 20260101); then
  python3 "$peers/prepare.py" population "$work/population.ndjson" "$population/fhir" 1000
  sets+=(population)
fi

status=0 closing=
for set in "${sets[@]}"; do
  file=$work/$set.ndjson
  case $set in
    examples) title="hl7.fhir.r4.examples, 96 files cycled to 1,000" ;;
    population) title="Synthea population, $(wc -l <"$file") resources, all distinct" ;;
  esac
  extra=; [ "$set" != examples ] || extra=growth
  "$build/tests/bench/bench_fhirpath" "$file" "$expressions" "$warm" "$measure" $extra >"$work/$set.ours"
  engines=("tributary=$work/$set.ours")
  if [ -n "$hapi" ]; then
    # A JIT wants longer to warm up.
    if java -Xmx2g -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$hapi/classes:$hapi/lib/*" \
        FhirpathPeer "$file" "$expressions" "$(awk "BEGIN {print 2 * $warm}")" "$measure" >"$work/$set.hapi" 2>"$work/hapi.log"; then
      engines+=("hapi=$work/$set.hapi")
    else
      say "missing peer: HAPI did not run: $(tail -n 1 "$work/hapi.log")"
    fi
  fi
  if [ -n "$js" ]; then
    NODE_PATH=$js/node_modules node "$peers/js/fhirpath_peer.js" "$file" "$expressions" "$warm" "$measure" >"$work/$set.js" &&
      engines+=("fhirpath.js=$work/$set.js")
  fi
  python3 "$peers/table.py" fhirpath "$expressions" "$title" "${engines[@]}" >"$work/$set.table" || status=1
  head -n -1 "$work/$set.table"
  [ "$set" != examples ] || closing=$(tail -n 1 "$work/$set.table")
done
python3 "$peers/table.py" growth "$work/examples.ours"

# Cold start on a small file, page cache warm, with R4 and UK Core definitions: the median of 11 starts.
patient=$examples/Patient-example.json
median() { for _ in $(seq 11); do
    s=$(date +%s%N); "$@" >/dev/null; e=$(date +%s%N); echo $(((e - s) / 10000)); done | sort -n | sed -n 6p | sed -E 's/(..)$/.\1/'; }
echo
if [ -x "$bin" ]; then
  echo "cold start, tributary fhirpath 'name.given' on a small file: $(median "$bin" fhirpath name.given "$patient") ms"
fi
if [ -n "$js" ]; then
  echo "cold start, node with fhirpath on the same:                   $(NODE_PATH=$js/node_modules median node -e "
    const f=require('fhirpath'); const p=JSON.parse(require('fs').readFileSync('$patient'));
    console.log(f.evaluate(p,'name.given',null,require('fhirpath/fhir-context/r4')))") ms"
fi

read -r rate ratio peer parsed <<<"$closing"
[ "$peer" = none ] || echo "with parsing: $parsed x $peer"
echo "fhirpath: $rate evaluations/s ($ratio x $peer)"
exit $status
