#!/usr/bin/env bash
# Public UCUM data, as packages of public registries ship it; none of it is kept in this repository.
#   npm ucum 0.0.7         the UCUM functional tests of 18 June 2014 (Eclipse Public License)
#   PyPI ucumvert 0.3.2    the table of units, UCUM 2.2, and the example codes, version 1.5 (UCUM licence 1.0)
# Prints the folder; 3 when they cannot be had.
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib/common.sh"
dir=$cache/conformance/ucum
missing() { say "The UCUM data cannot be had: $1"; exit 3; }
# checked FILE SHA256: is it the file that we know?
checked() { [ "$(sha256sum "$1" 2>/dev/null | cut -d' ' -f1)" = "$2" ] || die "$(basename "$1") is not the package we know" "Its SHA-256 is not $2."; }

mkdir -p "$dir"
exec 8>"$dir/.lock"; flock 8
if [ ! -e "$dir/.complete" ]; then
  work=$(mktemp -d "$dir/.fetching-XXXXXX"); trap 'rm -rf "$work"' EXIT
  command -v npm >/dev/null || missing "npm is not here"
  (cd "$work" && npm pack --loglevel=error ucum@0.0.7) >"$dir/fetch.log" 2>&1 || missing "npm does not give ucum 0.0.7 (see $dir/fetch.log)"
  checked "$work/ucum-0.0.7.tgz" 17dcedc2684658f3327b664c763f1ff2136a93619d2bbcd2b6647d2109f8b86f
  python3 -m pip download -q --no-deps --only-binary :all: -d "$work" ucumvert==0.3.2 >>"$dir/fetch.log" 2>&1 ||
    missing "pip does not give ucumvert 0.3.2 (see $dir/fetch.log)"
  wheel=$work/ucumvert-0.3.2-py3-none-any.whl
  checked "$wheel" b1c3c5b875843642f52f5f015fc8728ff997ce9c337b64bd25141ae44848bdd0
  tar -xzf "$work/ucum-0.0.7.tgz" -C "$work" --no-same-owner package/vendor/ucum-functional-tests.xml
  python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])' "$wheel" "$work"
  mv "$work/package/vendor/ucum-functional-tests.xml" "$work"/ucumvert/vendor/ucum-essence.xml \
    "$work"/ucumvert/vendor/ucum_examples.tsv "$dir/"
  touch "$dir/.complete"
fi
echo "$dir"
