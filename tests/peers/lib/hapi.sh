#!/usr/bin/env bash
# HAPI FHIR JPA server 8.8.0 (Maven, Java 17), started by our own small program beside its pom: tests/peers/hapi.
#   tests/peers/lib/hapi.sh fetch    the jars, pinned, and our program compiled; prints the class path
# Run it with: java -cp CLASSPATH HapiServer PORT; the base is http://127.0.0.1:PORT/fhir
# Ends with 3 and one line on stderr when Java, Maven or the registry is not to be had.
source "$(dirname "$0")/../../../deploy/lib/common.sh"
here=$root/tests/peers/hapi
home=$cache/peers/hapi

missing() { echo "hapi is missing: $1" >&2; exit 3; }

[ "${1:-}" = fetch ] || { sed -n '2,5s/^# \?//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
mkdir -p "$home"
exec 8>"$home/lock"; flock 8
key=$(cat "$here/pom.xml" "$here/src/HapiServer.java" | sha256sum | cut -c1-16)
if [ "$(cat "$home/complete" 2>/dev/null)" != "$key" ]; then
  (need_debian maven default-jdk-headless) >&2 || missing "Maven or a JDK (Debian: maven, default-jdk-headless)"
  rm -rf "$home/complete" "$home/lib" "$home/classes"
  mkdir -p "$home/classes"
  mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$home/lib" \
    >"$home/fetch.log" 2>&1 || missing "Maven could not fetch ca.uhn.hapi.fhir:hapi-fhir-jpaserver-base (see $home/fetch.log)"
  javac -nowarn -d "$home/classes" -cp "$home/lib/*" "$here/src/HapiServer.java" >"$home/compile.log" 2>&1 ||
    { cat "$home/compile.log" >&2; echo "HapiServer.java does not compile" >&2; exit 1; }
  echo "$key" >"$home/complete"
fi
echo "$home/classes:$home/lib/*"
