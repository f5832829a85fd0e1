#!/usr/bin/env bash
# From the change of an expression to the new result of all mapping tests: `tributary test --watch`, the median of several
# changes. Last line: watch: S s. A change that shows nothing within five seconds fails.
source "$(dirname "$0")/../../deploy/lib/common.sh"
exec python3 "$root/tests/bench/watch.py" "$bin" "$root" "${1:-9}"
