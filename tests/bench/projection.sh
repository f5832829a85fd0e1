#!/usr/bin/env bash
# Tapes to checked rows on one core, with and without lineage, over a synthetic caseload.
source "$(dirname "$0")/../../deploy/lib/common.sh"
cd "$(dirname "$0")/../.." && exec "$build/tests/bench/bench_projection" fhir-mappings/csds/1.6
