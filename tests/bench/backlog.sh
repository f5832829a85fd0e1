#!/usr/bin/env bash
# A backlog of a million journalled resources: the gateway starts on it and drains it. The figure is the most memory that
# it held resident from start to end, as the kernel counted it (VmHWM: mapped files included).
source "$(dirname "$0")/../../deploy/lib/common.sh"
resources=${1:-1000000}
work=$(mktemp -d "${TMPDIR:-/tmp}/tributary-backlog.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/drop/in"
patients=$((resources * 10 / 198 + 1))  # a patient of the caseload has just under 20
"$bin" synth --patients "$patients" --seed 1 --out "$work/synth" | tail -n 1
mv "$work"/synth/*.ndjson "$work/drop/in/"
cat >"$work/gateway.toml" <<TOML
[gateway]
state = "state"
admin = "127.0.0.1:$(free_port)"
log_level = "error"
[collection]
id = "csds/1.6"
[collection.settings]
provider = "RZZ"
[[source]]
name = "drop"
kind = "files"
folder = "drop"
[[destination]]
name = "out"
kind = "folder"
folder = "out"
TOML
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
