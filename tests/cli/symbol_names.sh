#!/usr/bin/env bash
# Names of native places, offline: by build-id from the file itself, from separate debug files, from REFGRAPH_SYMBOL_PATH;
# and none rather than a wrong one.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
MKDUMP=$O/tests/tools/mkdump
unset REFGRAPH_SYMBOL_PATH

# Cases compare address arithmetic, so the program under test is fixed by hand: where each function begins comes from nm.
cat >lib.c <<'C'
#include <stdlib.h>
long g_cache[8] = { 1 };
static long hidden_table[4] = { 2 };
__attribute__((noinline)) void *make(long n)
{
	return malloc(n + hidden_table[n & 3]);
}
__attribute__((noinline)) static void *local_maker(long n)
{
	void *p = make(n + 1);
	g_cache[1] = (long)p;
	return p;
}
void *outer(long n)
{
	void *p = local_maker(n);
	g_cache[2] = n;
	return p;
}
__attribute__((noinline)) void *xmalloc(long n) { void *p = malloc(n); if (!p) abort(); return p; }
C
gcc -g -O1 -fno-inline -fno-optimize-sibling-calls -fno-ipa-icf -shared -fPIC -Wl,--build-id -o libfull.so lib.c || exit 1
id() { readelf -n "$1" | sed -n 's/.*Build ID: //p'; }
start() { echo $((0x$(nm libfull.so | awk -v n="$1" '$3 == n { print $1 }'))); }
size() { echo $((0x$(nm -S libfull.so | awk -v n="$1" '$4 == n { print $2 }'))); }
hex() { printf '0x%x' "$1"; }

# site OFFSET [PATH [BUILD_ID]]: how the dump's only allocation site is named
site() {
	cat >site.txt <<T
module lib "${2:-$TMP/libfull.so}" build_id=${3-$BUILD} base=0x10000000
frame f native module=lib offset=$1
stack s f
object o block size=64 stack=s
T
	"$MKDUMP" -o site.rgd site.txt && "$REFGRAPH" show-refs '#0' -d 0 --extra-info site --json site.rgd 2>err | head -1 |
		sed -n 's/.*"label":"\([^"]*\)".*/\1/p' | sed 's/.*\\n//'
}
# global OFFSET ...: how a root of the module's data is named
global() {
	cat >global.txt <<T
module lib "${2:-$TMP/libfull.so}" build_id=${3-$BUILD} base=0x10000000
object o block size=64
root global "" o owner=1 value=$1 kind=conservative
T
	"$MKDUMP" -o global.rgd global.txt && "$REFGRAPH" show-backrefs '#0' --json global.rgd 2>err | sed -n 's/.*"kind":"root".*"label":"\([^"]*\)".*/\1/p'
}

BUILD=$(id libfull.so)
outer=$(start outer) local_maker=$(start local_maker) make=$(start make)
line_of() { grep -n "$1" lib.c | cut -d: -f1; }
call=$(objdump -d --no-show-raw-insn libfull.so | awk '/<outer>:/ { on = 1 } on && /call/ { getline; print $1; exit }')
call=$((0x${call%:}))
equal "function, offset and line of the call" "$(site $call)" "outer+$(hex $((call - outer))) (lib.c:$(line_of 'p = local_maker'))"
equal "a static function" "$(site $((local_maker + 1)))" "local_maker+0x1 (lib.c:$(($(line_of 'static void \*local_maker') + 1)))"
last=$((outer + $(size outer)))
contains "a call that ends its function belongs to it" "$(site $last)" "outer+$(hex $((last - outer))) (lib.c:"
equal "no function there" "$(site 16)" "libfull.so+0x10"
equal "beyond the file" "$(site 0x7fffffff)" "libfull.so+0x7fffffff"
equal "no note for what was found" "$(cat err)" ""
g=$(start g_cache)
contains "a global" "$(global $g)" "g_cache"
contains "inside of a global" "$(global $((g + 16)))" "g_cache[2] in libfull.so"
contains "a static global" "$(global $(($(start hidden_table) + 8)))" "hidden_table[1] in libfull.so"

# ---- another machine: no file, or one of another build
equal "no file" "$(site $call /no/such/libgone.so)" "libgone.so+$(hex $call)"
contains "no file: a note" "$(cat err)" "refgraph: /no/such/libgone.so: not on this machine; its addresses are shown as libgone.so+0x"
equal "no file: one note" "$(grep -c libgone err)" 1
equal "other build" "$(site $call "$TMP/libfull.so" 0123456789abcdef)" "libfull.so+$(hex $call)"
contains "other build: a note" "$(cat err)" "refgraph: $TMP/libfull.so: another build than the one in the dump"
equal "dump without build-id, file with one" "$(site $call "$TMP/libfull.so" "")" "libfull.so+$(hex $call)"
contains "other build: globals" "$(global $g "$TMP/libfull.so" 0123)" "libfull.so+$(hex $g)"
gcc -g -O1 -fno-inline -fno-optimize-sibling-calls -shared -fPIC -Wl,--build-id=none -o libnone.so lib.c
equal "neither has a build-id" "$(site $call "$TMP/libnone.so" "" | sed 's/+.*//')" "outer"
equal "a folder is no module" "$(site 5 "$TMP")" "$(basename "$TMP")+0x5"
mkfifo pipe.so; equal "a FIFO is no module" "$(timeout 10 "$REFGRAPH" --version >/dev/null; site 5 "$TMP/pipe.so")" "pipe.so+0x5"
head -c 3000 libfull.so >libcut.so; equal "a file cut short" "$(site $call "$TMP/libcut.so" "$BUILD")" "libcut.so+$(hex $call)"
equal "a vdso has no file" "$(site 5 '[vdso]' "")" "[vdso]+0x5"
equal "a vdso needs no note" "$(cat err)" ""

for i in 1 2 3 4 5 6; do
	printf 'module m%s /gone/lib%s.so build_id=00 base=0x%s0000000\nframe f%s native module=m%s offset=9\nstack s%s f%s\nobject o%s block size=8 stack=s%s\n' $i $i $i $i $i $i $i $i $i
done >many.txt
"$MKDUMP" -o many.rgd many.txt; "$REFGRAPH" show-refs '#0' '#1' '#2' '#3' '#4' '#5' -d 0 --extra-info site many.rgd >/dev/null 2>err
equal "many missing modules: few notes" "$(wc -l <err) $(tail -1 err)" "5 refgraph: the same holds for 2 more modules"

# ---- separate debug files
strip -o libstripped.so libfull.so
equal "stripped: exported names" "$(site $call "$TMP/libstripped.so")" "outer+$(hex $((call - outer)))"
equal "stripped: no wrong neighbour for a hidden one" "$(site $((local_maker + 1)) "$TMP/libstripped.so")" "libstripped.so+$(hex $((local_maker + 1)))"
want="local_maker+0x1 (lib.c:$(($(line_of 'static void \*local_maker') + 1)))"
mkdir -p "tree/.build-id/${BUILD:0:2}"
objcopy --only-keep-debug libfull.so "tree/.build-id/${BUILD:0:2}/${BUILD:2}.debug"
export REFGRAPH_SYMBOL_PATH="/no/such:$TMP/tree"
equal "debug file by build-id in REFGRAPH_SYMBOL_PATH" "$(site $((local_maker + 1)) "$TMP/libstripped.so")" "$want"
equal "debug file alone" "$(site $((local_maker + 1)) /gone/libfull.so)" "$want"
contains "debug file alone: globals" "$(global $(($(start hidden_table) + 8)) /gone/libfull.so)" "hidden_table[1] in libfull.so"
unset REFGRAPH_SYMBOL_PATH
equal "--symbol-path" "$(site 5 >/dev/null; site $((local_maker + 1)) /gone/libfull.so >/dev/null; "$REFGRAPH" show-refs '#0' -d 0 --extra-info site --symbol-path "$TMP/tree" --json site.rgd | grep -oF "$want")" "$want"
mkdir -p sysroot/gone; cp libfull.so sysroot/gone/; equal "a copy of its root" "$(REFGRAPH_SYMBOL_PATH=$TMP/sysroot site $((local_maker + 1)) /gone/libfull.so)" "$want"
mkdir -p flat; cp libfull.so flat/libother.so; equal "a folder of files" "$(REFGRAPH_SYMBOL_PATH=$TMP/flat site $((local_maker + 1)) /gone/libother.so)" "$want"
mkdir .debug; objcopy --only-keep-debug libfull.so .debug/libstripped.so.debug
objcopy --add-gnu-debuglink=.debug/libstripped.so.debug libstripped.so
equal ".gnu_debuglink" "$(site $((local_maker + 1)) "$TMP/libstripped.so")" "$want"
echo 'int other;' | gcc -x c -g -shared -fPIC -o .debug/libstripped.so.debug -
equal ".gnu_debuglink to another build" "$(site $((local_maker + 1)) "$TMP/libstripped.so")" "libstripped.so+$(hex $((local_maker + 1)))"
gcc -g -gz -O1 -fno-inline -fno-optimize-sibling-calls -fno-ipa-icf -shared -fPIC -Wl,--build-id -o libgz.so lib.c
equal "compressed DWARF" "$(site $call "$TMP/libgz.so" "$(id libgz.so)" | sed 's/.* //')" "(lib.c:$(line_of 'p = local_maker'))"

# ---- C++ and clones
cat >cpp.cc <<'C'
#include <vector>
namespace shop { template <class T> struct Cart { T *add(int n); }; template <class T> __attribute__((noinline)) T *Cart<T>::add(int n) { return new T[n]; } }
extern "C" void *run(int n) { shop::Cart<int> c; void *p = c.add(n); return (char *)p + 1; }
C
g++ -g -O1 -shared -fPIC -Wl,--build-id -o libcpp.so cpp.cc
at=$((0x$(nm libcpp.so | awk '/Cart/ { print $1; exit }') + 4))
equal "C++ is demangled" "$(site $at "$TMP/libcpp.so" "$(id libcpp.so)" | sed 's/ (cpp.cc:.*//')" "shop::Cart<int>::add(int)+0x4"
cat >clone.s <<'S'
	.globl work.constprop.0
	.type work.constprop.0, @function
work.constprop.0: nop; nop; nop
	.size work.constprop.0, 3
	.type state.3, @object
	.data
state.3: .quad 1
	.size state.3, 8
	.section .note.GNU-stack, "", @progbits
S
gcc -shared -Wl,--build-id -o libclone.so clone.s
at=$((0x$(nm libclone.so | awk '/work/ { print $1 }') + 2))
equal "a clone has its function's name" "$(site $at "$TMP/libclone.so" "$(id libclone.so)")" "work+0x2"
contains "a static of a function keeps its number" "$(global $((0x$(nm libclone.so | awk '/state/ { print $1 }'))) "$TMP/libclone.so" "$(id libclone.so)")" "state.3"

# ---- the frame that asked, past wrappers
cat >wrap.txt <<T
module lib $TMP/libfull.so build_id=$BUILD base=0x10000000
frame asks native module=lib offset=$call
frame wraps native module=lib offset=$(($(start xmalloc) + 5))
stack outer asks
stack both wraps outer
stack alone wraps
object a block size=64 stack=both
object b block size=64 stack=alone
object c block size=64
T
"$MKDUMP" -o wrap.rgd wrap.txt
equal "malloc in the function that asked" "$("$REFGRAPH" show-refs '#0' '#1' '#2' -d 0 --json wrap.rgd | sed -n 's/.*"label":"\([^"]*\)".*/\1/p')" \
'malloc in outer\n64 bytes
malloc in xmalloc\n64 bytes
block\n64 bytes'
exit $failed
