#!/usr/bin/env bash
# A real HAPI FHIR JPA server as the source: polled, subscribed to, changed and deleted from while the gateway runs.
source "$(dirname "$0")/../../deploy/lib/common.sh"
why=$(mktemp); trap 'rm -f "$why"' EXIT
status=0
classpath=$("$root/tests/peers/lib/hapi.sh" fetch 2>"$why") || status=$?
cat "$why" >&2
if [ "$status" = 3 ]; then echo "skipped: $(tail -n 1 "$why")"; echo "0 passed, 0 failed"; exit 0; fi
[ "$status" = 0 ] || { echo "0 passed, 1 failed"; exit 1; }
python3 "$root/tests/peers/hapi/test.py" --bin "$bin" --classpath "$classpath"
