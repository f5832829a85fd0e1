#!/usr/bin/env bash
# Brings the benchmark peers into the cache: fetch.sh hapi|js|fhir4ds. Prints the folder; 3 when it cannot be had.
source "$(dirname "${BASH_SOURCE[0]}")/../../../deploy/lib/common.sh"
here=$root/tests/bench/peers
missing() { say "missing peer: $1"; exit 3; }

case ${1:-} in
  hapi)
    dir=$cache/peers/hapi-fhirpath
    command -v javac >/dev/null && command -v mvn >/dev/null || missing "HAPI (no JDK or no Maven here)"
    mkdir -p "$dir"; exec 9>"$dir/lock"; flock 9
    if ! cmp -s "$here/hapi/pom.xml" "$dir/pom.xml" || [ ! -e "$dir/lib/.complete" ]; then
      cp "$here/hapi/pom.xml" "$dir/"
      rm -rf "$dir/lib"
      mvn -B -q -f "$dir/pom.xml" dependency:copy-dependencies -DoutputDirectory="$dir/lib" >"$dir/fetch.log" 2>&1 ||
        missing "HAPI 8.8.0 (Maven could not fetch it; see $dir/fetch.log)"
      touch "$dir/lib/.complete"
    fi
    if [ "$here/hapi/src/FhirpathPeer.java" -nt "$dir/classes/FhirpathPeer.class" ]; then
      mkdir -p "$dir/classes"
      javac -cp "$dir/lib/*" -d "$dir/classes" "$here/hapi/src/FhirpathPeer.java" || missing "HAPI (its peer does not compile)"
    fi
    ;;
  js)
    dir=$cache/peers/fhirpath-js
    command -v npm >/dev/null || missing "fhirpath.js (no npm here)"
    mkdir -p "$dir"; exec 9>"$dir/lock"; flock 9
    if ! cmp -s "$here/js/package.json" "$dir/package.json" || [ ! -d "$dir/node_modules/fhirpath" ]; then
      cp "$here/js/package.json" "$dir/"
      (cd "$dir" && npm install --no-audit --no-fund) >"$dir/fetch.log" 2>&1 ||
        missing "fhirpath.js 5.2.2 (npm could not fetch it; see $dir/fetch.log)"
    fi
    ;;
  fhir4ds)
    dir=$cache/peers/fhir4ds
    mkdir -p "$dir"; exec 9>"$dir/lock"; flock 9
    if [ ! -x "$dir/bin/python" ] || ! "$dir/bin/python" -c 'import fhir4ds' 2>/dev/null; then
      { python3 -m venv "$dir" && "$dir/bin/pip" install -q fhir4ds-v2==0.0.17; } >"$dir/fetch.log" 2>&1 ||
        missing "fhir4ds-v2 0.0.17 (pip could not fetch it; see $dir/fetch.log)"
    fi
    ;;
  *) die "fetch.sh hapi|js|fhir4ds" ;;
esac
echo "$dir"
