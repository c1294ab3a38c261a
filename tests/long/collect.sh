#!/usr/bin/env bash
# `refgraph collect` beside gc.collect() on COLLECT_SEEDS random graphs (2000) a Python: tests/python/collect.py, five at a time.
. "$(dirname "$0")/../lib.sh"
export COLLECT_SEEDS=${COLLECT_SEEDS:-2000} COLLECT_GRAPHS=${COLLECT_GRAPHS:-5} COLLECT_FIRST=${COLLECT_FIRST:-$((RANDOM * 1000))}
exec nice -n 10 "$ROOT/tests/python/collect.py"
