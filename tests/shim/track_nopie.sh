#!/usr/bin/env bash
# An executable at a fixed address that takes malloc's address owns a PLT entry that dlsym() finds first: its heap must be
# followed all the same.
. "$(dirname "$0")/../lib.sh"
cat >"$TMP/nopie.c" <<'C'
#include <stdlib.h>
void *(*take)(size_t) = malloc;
void *kept[100];
int main(void)
{
	for (int i = 0; i < 100; i++)
		kept[i] = take(4242);
	return 0;
}
C
gcc -no-pie -O0 -o "$TMP/nopie" "$TMP/nopie.c" || exit 1
REFGRAPH_ON_EXIT=1 REFGRAPH_DUMP=x.rgd shim "$TMP/nopie"
contains 'a fixed-address executable is followed' "$("$REFGRAPH" info "$TMP/x.rgd")" 'meta.native            yes'
equal 'its blocks are there' "$("$REFGRAPH" by-type --where 'size = 4242' --json 'malloc in main' "$TMP/x.rgd" 2>&1 | wc -l)" 100
exit $failed
