#!/usr/bin/env bash
# Access databases: the side tool (deploy/idb, Jackcess) fills a blank one, mdbtools reads it back, every cell is compared with our CSV.
source "$(dirname "$0")/../../deploy/lib/common.sh"
skip() { echo "skipped: $1"; echo "0 passed, 0 failed"; exit 0; }
(need_debian maven default-jdk-headless mdbtools) >&2 || skip "Maven, a JDK or mdbtools is not to be had"
why=$(mktemp); trap 'rm -f "$why"' EXIT
status=0
"$root/deploy/idb/build" >/dev/null 2>"$why" || status=$?
cat "$why" >&2
[ "$status" != 3 ] || skip "$(tail -n 1 "$why")"
[ "$status" = 0 ] || { echo "0 passed, 1 failed"; exit 1; }
python3 "$root/tests/peers/idb/test.py" --bin "$bin" --root "$root"
