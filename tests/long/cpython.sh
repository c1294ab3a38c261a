#!/usr/bin/env bash
# cpython.sh [VERSION...]: CPython's own tests of what the shim touches, each version at hand.
. "$(dirname "$0")/../cpython_tests.sh"
for v in ${*:-3.8 3.9 3.10 3.11 3.12 3.13}; do
	own_tests $v test_gc test_weakref test_fork1 test_wait3 test_wait4 test_subprocess test_threading test_signal test_os \
		test_thread test_faulthandler test_ctypes test_multiprocessing_fork
done
exit $failed
