#!/usr/bin/env bash
# cpython.sh [VERSION[:MODULE,...]...]: CPython's own tests of what the shim touches, each version at hand, with full stacks kept.
. "$(dirname "$0")/../cpython_tests.sh"
SETTINGS="REFGRAPH_STACKS=full REFGRAPH_PYTHON_STACKS=full"
all="test_gc test_weakref test_capi test_descr test_generators test_dict test_set test_functools test_tracemalloc test_threading
test_asyncio test_subprocess test_multiprocessing_fork test_fork1 test_wait3 test_wait4 test_signal test_os test_thread test_faulthandler
test_ctypes"
for v in ${*:-3.8 3.9 3.10 3.11 3.12 3.13}; do
	modules=$all
	case $v in *:*) modules=${v#*:}; modules=${modules//,/ } ;; esac
	own_tests "${v%%:*}" $modules
done
exit $failed
