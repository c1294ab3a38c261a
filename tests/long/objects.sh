#!/usr/bin/env bash
# Everything that gc and objgraph say inside, beside the dump and the commands, on OBJECTS_SEEDS random graphs (2000) a Python:
# tests/python/objects.py for an hour. objects.sh [FIRST_SEED]
. "$(dirname "$0")/../lib.sh"
export OBJECTS_SEEDS=${OBJECTS_SEEDS:-2000} OBJECTS_GRAPHS=${OBJECTS_GRAPHS:-100} OBJECTS_FIRST=${1:-$((RANDOM * 1000))}
exec nice -n 10 "$ROOT/tests/python/objects.py"
