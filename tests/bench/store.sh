#!/usr/bin/env bash
# The store alone: journal append, load, commit of projections, submissions.
source "$(dirname "$0")/../../deploy/lib/common.sh"
exec "$build/tests/bench/bench_store" "$@"
