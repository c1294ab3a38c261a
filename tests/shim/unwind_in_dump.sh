#!/usr/bin/env bash
# From the walk to the answer: the stack of a known block, by both unwinders; the caller alone; none; the depth limit.
. "$(dirname "$0")/../lib.sh"
cat >"$TMP/p.c" <<'C'
#include <stdlib.h>
#define NO_TAIL __asm__ volatile("" ::: "memory")
#define NOINLINE __attribute__((noinline, noclone))
void *keep[64];
NOINLINE void inner_c(int n) { keep[n] = malloc(1000 + n); NO_TAIL; }
NOINLINE void middle_b(int n) { inner_c(n); NO_TAIL; }
NOINLINE void outer_a(int n) { middle_b(n); NO_TAIL; }
NOINLINE void other_a(int n) { middle_b(n); NO_TAIL; }
NOINLINE void deep(int n) { if (n) deep(n - 1); else middle_b(3); NO_TAIL; }
int main(void)
{
	for (int i = 0; i < 40; i++) {
		outer_a(1);
		other_a(2);
		deep(i);
	}
	deep(500);
	return 0;
}
C
gcc -O2 -g -fno-optimize-sibling-calls -Wno-infinite-recursion -o "$TMP/p" "$TMP/p.c" || { fail build; exit 1; }

# frames SIZE SETTING...: functions of the stack of the last block of that size, innermost first, one word each
frames() {
	local size=$1; shift
	rm -f "$TMP"/*.rgd
	env "$@" LD_PRELOAD="$SHIM" REFGRAPH_ON_EXIT=1 REFGRAPH_DIR="$TMP" REFGRAPH_DUMP=d.rgd "$TMP/p" || { echo "exit status $?"; return; }
	# several blocks may be left of a size: the last one shown counts
	"$REFGRAPH" show --where "size == $size and type ~ inner_c" "$TMP/d.rgd" | awk '
		/made by/ { on = 1; n = 0; sub(/made by/, "") }
		/^[^ ]/ || !/\+0x/ { on = 0 }
		on { sub(/^ */, ""); sub(/\+0x.*/, ""); f[++n] = $1 }
		END { for (i = 1; i <= n; i++) printf "%s%s", f[i], i < n ? " " : "" }'
}
rest="main __libc_start_call_main __libc_start_main@@GLIBC_2.34 _start"
for u in fast libunwind; do
	if [ $u = libunwind ] && ! ldconfig -p | grep -q 'libunwind\.so\.8'; then skip "$u" "libunwind.so.8 is not installed"; continue; fi
	equal "$u-outer" "$(frames 1001 REFGRAPH_STACKS=full REFGRAPH_UNWINDER=$u)" "inner_c middle_b outer_a $rest"
	equal "$u-other" "$(frames 1002 REFGRAPH_STACKS=full REFGRAPH_UNWINDER=$u)" "inner_c middle_b other_a $rest"
done
equal depth-3 "$(frames 1001 REFGRAPH_STACKS=full REFGRAPH_STACK_DEPTH=3)" "inner_c middle_b outer_a"
equal depth-1 "$(frames 1001 REFGRAPH_STACKS=full REFGRAPH_STACK_DEPTH=1)" "inner_c"
deep=$(frames 1003 REFGRAPH_STACKS=full | wc -w)
if [ "$deep" -ge 64 ] && [ "$deep" -le 80 ]; then ok deep-is-cut; else fail deep-is-cut "$deep frames"; fi
equal caller "$(frames 1001 REFGRAPH_STACKS=caller)" "inner_c"
exit $failed
