#!/usr/bin/env bash
# Synthea (Maven, Java 17): lifelike populations, generated once for each set of arguments and then kept.
#   tests/peers/lib/synthea.sh fetch                          the jars, pinned, into the cache
#   tests/peers/lib/synthea.sh generate PATIENTS SEED [ARG…]  prints the folder that holds fhir/*.ndjson
# ARG…: more of Synthea's own arguments, such as --exporter.fhir.bulk_data=false (then fhir/*.json, Bundles).
# Ends with 3 and one line on stderr when Java, Maven or the registry is not to be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${TRIBUTARY_CACHE:-$here/../../../.cache}
home=$cache/peers/synthea
version=3.3.0

missing() { echo "synthea is missing: $1" >&2; exit 3; }

fetch() {
  mkdir -p "$home"
  exec 8>"$home/lock"; flock 8
  [ -e "$home/lib-$version/.complete" ] && return
  command -v java >/dev/null || missing "no java (Debian: openjdk-17-jre-headless)"
  command -v mvn >/dev/null || missing "no mvn (Debian: maven)"
  cat >"$home/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>peer</groupId><artifactId>synthea-peer</artifactId><version>1</version>
<dependencies><dependency><groupId>org.mitre.synthea</groupId><artifactId>synthea</artifactId><version>$version</version></dependency></dependencies>
</project>
POM
  rm -rf "$home/lib-$version"
  mvn -B -q -f "$home/pom.xml" dependency:copy-dependencies -DoutputDirectory="$home/lib-$version" \
    >"$home/fetch.log" 2>&1 || missing "Maven could not fetch org.mitre.synthea:synthea:$version (see $home/fetch.log)"
  touch "$home/lib-$version/.complete"
}

generate() {
  local patients=$1 seed=$2; shift 2
  local key out work
  key=$(printf '%s\n' "$version" "$patients" "$seed" "$@" | sha256sum | cut -c1-12)
  out=$home/p$patients-s$seed-$key
  if [ ! -e "$out/.complete" ]; then
    fetch
    work=$(mktemp -d "$home/work.XXXXXX")
    rm -rf "$out"; mkdir -p "$out"
    # A fixed reference date and one thread: the same arguments give the same population.
    (cd "$work" && java -Xmx4g -cp "$home/lib-$version/*" App -p "$patients" -s "$seed" -cs "$seed" -r 20260101 -e 20260101 \
      --generate.thread_pool_size=1 --exporter.fhir.bulk_data=true --exporter.hospital.fhir.export=true \
      --exporter.practitioner.fhir.export=true --exporter.baseDirectory="$out" "$@") >"$out/log" 2>&1 ||
      { tail -n 5 "$out/log" >&2; missing "the generator failed (see $out/log)"; }
    rm -rf "$work"
    touch "$out/.complete"
  fi
  echo "$out"
}

case ${1:-} in
  fetch) fetch ;;
  generate) [ $# -ge 3 ] || { echo "synthea.sh generate PATIENTS SEED [ARG…]" >&2; exit 2; }; shift; generate "$@" ;;
  *) sed -n '2,6s/^# \?//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
