#!/usr/bin/env bash
# A backlog of a million journalled resources: the gateway starts on it and drains it. The figure is the most memory that
# it held resident from start to end, as the kernel counted it (VmHWM: mapped files included).
source "$(dirname "$0")/../../deploy/lib/common.sh"
source "$root/tests/bench/lib/files-to-folder.sh"
resources=${1:-1000000}
work=$(mktemp -d "${TMPDIR:-/tmp}/tributary-backlog.XXXXXX")
trap 'rm -rf "$work"' EXIT
files_to_folder "$work"
patients=$((resources * 10 / 198 + 1))  # a patient of the caseload has just under 20
"$bin" synth --patients "$patients" --seed 1 --out "$work/synth" | tail -n 1
mv "$work"/synth/*.ndjson "$work/drop/in/"
# peak NAME ARGS…: runs the gateway and prints the most memory it held, in MiB.
peak() {
  local name=$1 start=$SECONDS; shift
  /usr/bin/env time -f '%M' -o "$work/peak" "$bin" run -c "$work/gateway.toml" --until-drained "$@" >"$work/account.txt"
  mib=$(($(cat "$work/peak") / 1024))
  echo "$name: $mib MiB at most, $((SECONDS - start)) s"
}
peak "journalling the backlog" --journal-only
peak "restart and drain"
tail -n 1 "$work/account.txt"
echo "backlog: $mib MiB"
