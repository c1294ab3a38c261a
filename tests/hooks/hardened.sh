#!/usr/bin/env bash
# Programs that forbid themselves things, under rules: no memory that was writable becomes executable, none becomes it at all, no system calls but three. They
# run as without us, and all calls are seen where we may patch.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
cat >gadget.c <<'C'
#include <stdlib.h>
struct gadget { int count; const char *name; int pad[13]; };
static struct gadget one;
struct gadget *gadget_new(void) { one.name = one.name ? "Next" : "First"; one.count = 1; return &one; }
void gadget_ref(struct gadget *g) { __atomic_add_fetch(&g->count, 1, __ATOMIC_SEQ_CST); }
int gadget_unref(struct gadget *g) { return __atomic_sub_fetch(&g->count, 1, __ATOMIC_SEQ_CST); }
C
printf '%s\n' 'family gadgets of a test' 'library libgadget.so' 'type gadget' 'count i32 at 0' 'name string at 8' 'create gadget_new' 'ref gadget_ref' 'unref gadget_unref' >gadget.rules
gcc -g -O1 -shared -fPIC -o libgadget.so gadget.c && gcc -g -O1 -o hardened "$ROOT/tests/hooks/programs/hardened.c" -ldl || { fail "hardened: builds" "see above"; exit 1; }
for how in none mdwe filter strict; do
	want="lived "
	[ $how = strict ] && want="lived lived "
	got=$(timeout 60 env LD_PRELOAD="$SHIM" REFGRAPH_DIR="$TMP" REFGRAPH_ON_EXIT=1 REFGRAPH_RULES="$TMP/gadget.rules" REFGRAPH_DUMP="$how.rgd" ./hardened "$TMP/libgadget.so" $how 2>"$how.err"); status=$?
	[ $status = 77 ] && { skip "hardened: $how" "this kernel has none"; continue; }
	equal "hardened: $how: the program is as it was" "$status $(echo "$got" | tr '\n' ' ')" "0 $want"
	equal "hardened: $how: nothing is said" "$(cat "$how.err")" ""
done
# a chroot without /proc, or a kernel that lets nobody write to code by /proc/self/mem
if unshare -m mount -t tmpfs none /proc 2>/dev/null; then
	got=$(timeout 60 unshare -m bash -c "mount -t tmpfs none /proc && LD_PRELOAD='$SHIM' REFGRAPH_DIR='$TMP' REFGRAPH_ON_EXIT=1 REFGRAPH_RULES='$TMP/gadget.rules' REFGRAPH_DUMP=noproc.rgd exec ./hardened '$TMP/libgadget.so' none" 2>noproc.err)
	equal "hardened: no /proc: the program is as it was" "$? $got" "0 lived"
	equal "hardened: no /proc: nothing is said" "$(cat noproc.err)" ""
else
	skip "hardened: no /proc" "mounts are not allowed here"
fi
calls() { "$REFGRAPH" info "$1.rgd" | sed -n 's/^hooks.gadgets *//p'; }
equal "hardened: each call is seen" "$(calls none)" "3 functions at their entry; 2002 calls"
[ -e noproc.rgd ] && equal "hardened: no /proc: each call is seen" "$(calls noproc)" "3 functions at their entry; 2002 calls"
[ -e mdwe.rgd ] && equal "hardened: mdwe: each call is seen" "$(calls mdwe)" "3 functions at their entry; 2002 calls"
for how in filter strict; do # there a system call of ours might end it
	[ -e $how.rgd ] && fail "hardened: $how: no dump at its end" "there is one"
done
exit $failed
