#!/usr/bin/env bash
# tests/shim/unwind_differential.sh with every allocation compared instead of every 31st, on more programs: a million stacks at least.
UNWIND_EVERY=${UNWIND_EVERY:-1} UNWIND_LONG=1 exec "$(dirname "$0")/../shim/unwind_differential.sh"
