#!/usr/bin/env bash
# `refgraph collect` beside gc.collect() on COLLECT_SEEDS random graphs (1000) a Python: tests/python/collect.py for an hour.
. "$(dirname "$0")/../lib.sh"
COLLECT_SEEDS=${COLLECT_SEEDS:-1000} COLLECT_FIRST=${COLLECT_FIRST:-$((RANDOM * 1000))} exec nice -n 10 "$ROOT/tests/python/collect.py"
