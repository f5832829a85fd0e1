#!/usr/bin/env bash
# A population that Synthea made: foreign profiles, full life histories. As bulk NDJSON through the watched folder, and as
# transaction Bundles through POST /fhir. TRIBUTARY_SYNTHEA_PATIENTS: how many of the living (default 5).
source "$(dirname "$0")/../../deploy/lib/common.sh"
why=$(mktemp); trap 'rm -f "$why"' EXIT

# generate ARGUMENT…: the folder; "skipped" ends the script.
generate() {
  local status=0 folder
  folder=$("$root/tests/peers/lib/synthea.sh" generate "$@" 2>"$why") || status=$?
  cat "$why" >&2
  [ "$status" = 0 ] || return "$status"
  printf '%s\n' "$folder"
}
finish() {
  if [ "$1" = 3 ]; then echo "skipped: $(tail -n 1 "$why")"; echo "0 passed, 0 failed"; exit 0; fi
  echo "the population could not be generated: $(tail -n 1 "$why")"; echo "0 passed, 1 failed"; exit 1
}
(need_debian maven default-jdk-headless) >&2 || { echo "skipped: Maven or a JDK is not to be had"; echo "0 passed, 0 failed"; exit 0; }
bulk=$(generate "${TRIBUTARY_SYNTHEA_PATIENTS:-5}" 20260101) || finish $?
bundles=$(generate 2 7 --exporter.fhir.bulk_data=false) || finish $?
python3 "$root/tests/peers/synthea/test.py" --bin "$bin" --bulk "$bulk/fhir" --bundles "$bundles/fhir"
