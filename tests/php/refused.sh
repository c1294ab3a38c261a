#!/usr/bin/env bash
# Builds of PHP that the adapter is not made for are refused by name, and nothing else of them is touched: a stand-in for the
# engine exports what the shim looks for and states another build.
. "$(dirname "$0")/../lib.sh"
cat >"$TMP/engine.c" <<'END'
#include <stdint.h>
#include <stdlib.h>
struct entry { uint16_t size; uint32_t api; uint8_t debug, zts; void *rest[18]; const char *build; } entry;
struct bucket { void *pointer; uint32_t type, next; uint64_t h; void *key; } bucket = {&entry, 13};
struct { uint64_t count; uint32_t flags, mask; struct bucket *buckets; uint32_t used; } module_registry;
int (*zend_post_startup_cb)(void);
#ifndef NO_GLOBALS
char executor_globals[4096];
#endif
int main(int argc, char **argv)
{
	entry = (struct entry){sizeof entry, atoi(argv[1]), atoi(argv[2]), atoi(argv[3]), {0}, argv[4]};
	module_registry.buckets = &bucket;
	module_registry.used = 1;
	return zend_post_startup_cb ? zend_post_startup_cb() : 0;
}
END
gcc -O1 -rdynamic -o "$TMP/engine" "$TMP/engine.c" && gcc -O1 -rdynamic -DNO_GLOBALS -o "$TMP/hidden" "$TMP/engine.c" || { fail "refused: build" ""; exit 1; }
# refused NAME PROGRAM API DEBUG ZTS BUILD WANT
refused() {
	local out
	rm -f "$TMP/e.rgd"
	out=$(LD_PRELOAD=$SHIM REFGRAPH_ON_EXIT=1 REFGRAPH_DIR=$TMP REFGRAPH_DUMP=e.rgd "$TMP/$2" "$3" "$4" "$5" "$6" 2>&1); equal "refused: $1: exit status" $? 0
	contains "refused: $1: one line" "$out" "$7"
	contains "refused: $1: in the dump" "$("$REFGRAPH" info "$TMP/e.rgd" | grep '^runtime.php')" "refused"
}
refused "7.4" engine 20190902 0 0 API20190902,NTS "PHP 7.4: no adapter for this build"
refused "8.0" engine 20200930 0 0 API20200930,NTS "PHP 8.0: no adapter for this build"
refused "8.1" engine 20210902 0 0 API20210902,NTS "PHP 8.1: no adapter for this build"
refused "8.3" engine 20230831 0 0 API20230831,NTS "PHP 8.3: no adapter for this build"
refused "8.4" engine 20240924 0 0 API20240924,NTS "PHP 8.4: no adapter for this build"
refused "8.5" engine 20250925 0 0 API20250925,NTS "PHP 8.5: no adapter for this build"
refused "8.2 ZTS" engine 20220829 0 1 API20220829,TS "PHP 8.2: a thread-safe build (ZTS)"
refused "8.2 debug" engine 20220829 1 0 API20220829,NTS,debug "PHP 8.2: a debug build"
refused "a path for a build" engine 20220829 0 0 API/../../x "it does not state its build"
refused "no numbers" engine 7 0 0 API7,NTS "its module entries are not what they were"
refused "hidden globals" hidden 20220829 0 0 API20220829,NTS "its globals are not visible"
exit $failed
