#!/usr/bin/env bash
# CPython's own tests of what the shim touches: the same result of each test method with and without it. A few modules
# of two versions here; tests/long/cpython.sh takes all of both.
. "$(dirname "$0")/../cpython_tests.sh"
own_tests 3.11 test_gc test_fork1
own_tests 3.13 test_weakref test_wait4
exit $failed
