#!/usr/bin/env bash
# leaks and suppressions: memcheck's language, LeakSanitizer's, refgraph's own, generated ones; and files that are neither.
. "$(dirname "$0")/../sample.sh"
gcc -g -O1 -o loses "$ROOT/tests/cli/programs/loses.c" || { fail "loses: compiles"; exit 1; }
printf '\n\n' >lines
"$REFGRAPH" run --on-exit --stacks full --dir "$TMP" --dump x.rgd -- ./loses <lines >/dev/null
dump=x.rgd
# In all: ten items of 40, a cache of 16 with rows of 160 and twenty blocks of 100, a pair of
# 16 with ends of 100, a block of 300: 3092 bytes; and stdio's 4096.
# sums [OPTION...]: definite and suppressed, as "bytes/blocks bytes/blocks"
sums() {
	rg leaks "$@" "$dump" | sed -En 's#,##g; s#.*(definitely lost|suppressed): ([0-9]+) bytes in ([0-9]+) blocks#\2/\3#p' | tr '\n' ' '
}
none=$(sums)
contains "nine blocks are lost" "$none" "1040/9 0/0"
memcheck() { printf '{\n   known\n   Memcheck:Leak\n'; printf '   %s\n' "$@"; printf '}\n'; }
# match NAME WANT LINE...: what is left with this entry
match() {
	local name=$1 want=$2; shift 2
	memcheck "$@" >supp
	equal "memcheck: $name" "$(sums --suppressions supp)" "$want "
}
match "the caller" "740/8 300/1" fun:malloc fun:lose
match "the caller and its caller" "740/8 300/1" fun:malloc fun:lose fun:main
match "another caller" "1040/9 0/0" fun:malloc fun:item_new fun:lose
match "any name" "0/0 7188/37" 'fun:*alloc' '...' fun:main
match "any frames between" "1000/8 400/10" fun:calloc fun:item_new ... fun:main
match "frames in the wrong order" "1040/9 0/0" fun:malloc fun:main fun:lose
match "a question mark" "740/8 300/1" fun:malloc 'fun:l?se'
match "a module" "0/0 3092/36" fun:malloc 'obj:*/loses'
match "another module" "1040/9 0/0" fun:malloc 'obj:*/libloses.so'
match "a file" "740/8 300/1" fun:malloc "src:loses.c:$(grep -n 'malloc(300)' "$ROOT/tests/cli/programs/loses.c" | cut -d: -f1)"
match "a kind that it is not" "1040/9 0/0" 'match-leak-kinds: possible,indirect' fun:malloc fun:lose
match "a kind that it is" "740/8 300/1" 'match-leak-kinds: definite' fun:malloc fun:lose
printf '# about others\n{\n   cond\n   Memcheck:Cond\n   fun:lose\n}\n{\n   both\n   Helgrind,Memcheck:Leak\n   fun:lose\n}\n' >supp
equal "memcheck: entries of other kinds are passed over" "$(sums --suppressions supp)" "740/8 300/1 "
# text NAME WANT PATTERN
text() {
	printf '# ours\nleak:%s\n' "$3" >supp
	equal "LeakSanitizer: $1" "$(sums --suppressions supp)" "$2 "
}
text "a function, whole" "740/8 300/1" '^lose$'
text "a function's beginning" "1000/8 400/10" '^item_'
text "a function's end" "1000/8 400/10" 'm_new$'
text "a part, here of the module's name" "0/0 7188/37" 'oses'
text "a file" "0/0 7188/37" 'loses.c'
text "a star" "1000/8 400/10" 'i*m_n*w'
text "something else" "1040/9 0/0" 'loose'
# What is generated suppresses what it was made of, and no more.
rg leaks --gen-suppressions x.rgd | sed -n '/^{/,$p' >made
equal "generated: entries" "$(grep -c '^{' made)" 4
contains "generated: without what is below main" "$(tail -2 made | tr '\n' ' ')" "fun:main }"
equal "generated: all of it" "$(sums --suppressions made)" "0/0 1040/9 "
rg leaks --json x.rgd >all.json; rg leaks --json --suppressions made x.rgd >left.json
equal "generated: no record is left" "$(grep -c definite all.json) $(grep -c definite left.json)" "5 0"
"$REFGRAPH" leaks --suppressions made --errors-for-leak-kinds definite x.rgd >/dev/null 2>&1; equal "suppressed is no finding" $? 0
# hybrid: of most blocks the site alone is known; the stacks that were recorded there, also of what is gone, tell what that may mean
cat >site.c <<-'END'
	#include <stdlib.h>
	#include <string.h>
	void *volatile kept;
	__attribute__((noinline)) void *zalloc(size_t n) { void *p = malloc(n); memset(p, 0, n); return p; }
	__attribute__((noinline)) void *other(void) { void *p = zalloc(40); *(char *)p = 1; return p; }
	__attribute__((noinline)) void *cache_new(void) { void *p = zalloc(40); *(char *)p = 2; return p; }
	int main(int argc, char **argv) {
		for (int i = 0; i < 10 * (argc - 1); i++) { kept = other(); free(kept); }
		for (int i = 0; i < 1000; i++) kept = cache_new();
		kept = NULL;
		return 0;
	}
END
gcc -O1 -g -o site site.c
memcheck fun:malloc fun:zalloc fun:cache_new >supp
told() { "$REFGRAPH" leaks --suppressions supp "$dump" 2>&1 >/dev/null; }
for ways in one two; do
	"$REFGRAPH" run --on-exit --stacks hybrid --dir "$TMP" --dump $ways.rgd -- ./site $([ $ways = two ] && echo x) 2>/dev/null
done
dump=one.rgd
equal "hybrid: one way leads to the site" "$(sums --suppressions supp)$(told)" "0/0 40000/1000 "
memcheck fun:malloc fun:zalloc fun:other >not
equal "hybrid: and it is not that of another entry" "$(sums --suppressions not)" "40000/1000 0/0 "
dump=two.rgd
read -r left known < <(sums --suppressions supp)
[ "${known#*/}" -ge 54 ] && [ "${left#*/}" -ge 500 ] && ok "hybrid: two ways: what is known by its whole stack" || fail "hybrid: two ways: what is known by its whole stack" "$left $known"
equal "hybrid: two ways: the others are listed, and it is told" "$(told | grep -c "of ${left%/*} bytes in ${left#*/} blocks only the calling place")" 1
memcheck fun:malloc fun:zalloc fun:other >>supp
equal "hybrid: both ways are known" "$(sums --suppressions supp)$(told)" "0/0 40000/1000 "
# refgraph's own: the vector of thread-local storage of a thread that ended
cat >thread.c <<-'END'
	#include <pthread.h>
	static void *ends(void *x) { return x; }
	int main(void) { pthread_t t; pthread_create(&t, 0, ends, 0); pthread_join(t, 0); return 0; }
END
gcc -pthread -o thread thread.c
"$REFGRAPH" run --on-exit --dir "$TMP" --dump y.rgd -- ./thread
dump=y.rgd
got=$(sums)
equal "ld.so's own: nothing is told" "${got%% *}" "0/0"
contains "ld.so's own: told when asked for" "$(rg leaks --no-default-suppressions y.rgd)" "allocate_dtv"
# and what GLib keeps by pointers behind a header: only where that is so
cat >types.c <<-'END'
	#include <stdlib.h>
	char *kept[3];
	__attribute__((noinline)) void g_type_register_static(int n, int inside) { kept[n] = (char *)malloc(500 + n) + inside; }
	__attribute__((noinline)) void register_mine(int n) { kept[n] = (char *)malloc(500 + n) + 8; }
	int main(void) { g_type_register_static(0, 8); register_mine(1); g_type_register_static(2, 0); kept[2] = NULL; return 0; }
END
gcc -O0 -g -o types types.c
"$REFGRAPH" run --on-exit --stacks exact --dir "$TMP" --dump z.rgd -- ./types
lost() { rg leaks --json "$@" z.rgd | sed -nE 's/.*"kind":"(definite|possible)","bytes":([0-9]+).*/\1 \2/p' | sort | tr '\n' ';'; }
equal "GLib's own: what is behind a header" "$(lost)" "definite 502;possible 501;"
equal "GLib's own: told when asked for" "$(lost --no-default-suppressions)" "definite 502;possible 500;possible 501;"
# GObject's own functions have no names in what distributions ship; what they allocate for others goes by a function of GLib's between
cat >glib.c <<-'END'
	#include <stdlib.h>
	void *g_malloc0(size_t n) { char *p = calloc(1, n); return p; }
	char *g_strdup(size_t n) { char *p = g_malloc0(n); return p; }
END
cat >gobject.c <<-'END'
	#include <stddef.h>
	extern void *g_malloc0(size_t n);
	extern char *g_strdup(size_t n);
	char *kept[3];
	__attribute__((noinline)) static void node_new(void) { kept[0] = (char *)g_malloc0(601) + 8; }
	__attribute__((noinline)) static void name_new(void) { kept[1] = g_strdup(602) + 8; }
	__attribute__((noinline)) static void lose(void) { kept[2] = g_malloc0(603); kept[2] = NULL; }
	void init(void) { lose(); node_new(); name_new(); }
END
cat >types.c <<-'END'
	extern void init(void);
	int main(void) { init(); return 0; }
END
gcc -O0 -shared -fPIC -o libglib-2.0.so glib.c && gcc -O0 -s -shared -fPIC -o libgobject-2.0.so gobject.c "$PWD/libglib-2.0.so" &&
	gcc -O0 -o types types.c "$PWD/libgobject-2.0.so" "$PWD/libglib-2.0.so"
"$REFGRAPH" run --on-exit --stacks exact --dir "$TMP" --dump z2.rgd -- ./types
dump=z2.rgd
lost() { rg leaks --json "$@" "$dump" | sed -nE 's/.*"kind":"(definite|possible)","bytes":([0-9]+).*/\1 \2/p' | sort | tr '\n' ';'; }
equal "GObject's own: its types, nobody else's" "$(lost)" "definite 603;possible 602;"
equal "GObject's own: told when asked for" "$(lost --no-default-suppressions)" "definite 603;possible 601;possible 602;"
# objects that CPython keeps for the next request hang on pointers behind the collector's head
if [ -x /usr/bin/python3 ]; then
	"$REFGRAPH" run --on-exit --dir "$TMP" --dump py.rgd -- /usr/bin/python3 -c 'import json, re, decimal; x = [(i, i, [i]) for i in range(9999)]; del x'
	python_lost() { rg leaks "$@" py.rgd | sed -nE 's/ +possibly lost: ([0-9,]+) bytes.*/\1/p' | tr -d ,; }
	equal "free lists of CPython: nothing is told" "$(python_lost)" 0
	[ "$(python_lost --leak-check-heuristics none)" -gt 1000 ] && ok "free lists of CPython: told when asked for" || fail "free lists of CPython: told when asked for" "$(python_lost --leak-check-heuristics none)"
fi
# bad NAME STATUS MESSAGE: the file supp is refused
bad() {
	"$REFGRAPH" leaks --suppressions "${4:-supp}" x.rgd >/dev/null 2>err; rc=$?
	equal "bad: $1" "$rc $(head -n 1 err)" "$2 refgraph: $3"
}
printf 'fun:lose\n' >supp; bad "no entry" 2 "supp:1: expected { or leak:: 'fun:lose'"
memcheck fun:malloc | head -n 4 >supp; bad "not closed" 2 "supp:4: the file ends within an entry: 'fun:malloc'"
memcheck >supp; bad "no frame" 2 "supp:5: an entry without a frame would hide everything: '}'"
memcheck wrong:x >supp; bad "a wrong line" 2 "supp:4: expected fun:, obj:, src:, ... or }: 'wrong:x'"
memcheck 'match-leak-kinds: lost' fun:x >supp; bad "a wrong kind" 2 "supp:4: no kind of leak: 'match-leak-kinds: lost'"
printf 'leak:\n' >supp; bad "no text" 2 "supp:1: nothing to look for: 'leak:'"
bad "no file" 3 "nowhere: cannot read suppressions: No such file or directory" nowhere
bad "a folder" 3 "$TMP: cannot read suppressions: Is a directory" "$TMP"
exit $failed
