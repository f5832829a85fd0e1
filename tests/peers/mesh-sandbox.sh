#!/usr/bin/env bash
# NHS England's MESH sandbox (PyPI), with full authentication, as the destination; the test plays the national side.
source "$(dirname "$0")/../../deploy/lib/common.sh"
home=$cache/peers/mesh-sandbox-1.0.137
skip() { echo "skipped: $1"; echo "0 passed, 0 failed"; exit 0; }

mkdir -p "$cache/peers"
exec 8>"$home.lock"; flock 8
requirements=$root/tests/peers/mesh-sandbox/requirements.txt
if ! cmp -s "$requirements" "$home/complete"; then
  (need_debian python3 python3-venv openssl) || skip "python3-venv or openssl is not to be had"
  rm -rf "$home"
  python3 -m venv "$home" >"$home.log" 2>&1 || skip "python3 cannot make a virtual environment (see $home.log)"
  "$home/bin/pip" install --no-input --disable-pip-version-check -q -r "$requirements" >"$home.log" 2>&1 ||
    skip "pip could not fetch mesh-sandbox 1.0.137: $(tail -n 1 "$home.log")"
  cp "$requirements" "$home/complete"
fi
exec 8>&-
python3 "$root/tests/peers/mesh-sandbox/test.py" --bin "$bin" --uvicorn "$home/bin/uvicorn"
