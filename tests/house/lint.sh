#!/usr/bin/env bash
# The source is formatted and free of findings: what `make lint` says.
. "$(dirname "$0")/../lib.sh"
if ! command -v clang-format >/dev/null || ! command -v clang-tidy >/dev/null || ! command -v cppcheck >/dev/null; then
	skip lint "clang-format, clang-tidy or cppcheck is missing: make lint installs them"; exit 0
fi
for part in format tidy cppcheck; do check "lint: $part" "$ROOT/tests/tools/lint" $part; done
exit $failed
