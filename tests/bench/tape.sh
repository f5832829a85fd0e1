#!/usr/bin/env bash
# NDJSON to tape, beside RapidJSON in place on the same bytes.
source "$(dirname "$0")/../../deploy/lib/common.sh"
exec "$build/tests/bench/bench_tape"
