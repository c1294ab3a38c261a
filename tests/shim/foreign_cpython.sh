#!/usr/bin/env bash
# CPython's own tests of what the shim touches: the same result of each test method with and without it. One version here;
# tests/long/cpython.sh takes them all.
. "$(dirname "$0")/../cpython_tests.sh"
for v in 3.11 3.13; do own_tests $v test_gc test_weakref test_fork1 test_wait4; done
own_tests 3.12 test_signal
exit $failed
