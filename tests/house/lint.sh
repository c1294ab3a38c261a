#!/usr/bin/env bash
# The source is formatted and cppcheck has nothing to say. clang-tidy takes minutes: `make lint` and .ci/run ask it.
. "$(dirname "$0")/../lib.sh"
for part in format cppcheck; do
	tool=$part; [ $part = format ] && tool=clang-format
	if command -v $tool >/dev/null; then check "lint: $part" "$ROOT/tests/tools/lint" $part; else skip "lint: $part" "$tool is not installed; make lint installs it"; fi
done
exit $failed
