#!/usr/bin/env bash
# The makefile: nothing to do the second time; adding, deleting and touching sources and changing flags rebuilds exactly what
# it must; O= keeps the source clean; install and uninstall leave nothing behind.
. "$(dirname "$0")/../lib.sh"
copy=$TMP/source
mkdir "$copy"
(cd "$ROOT" && cp -r Makefile include preload analyzer completion man rules tests "$copy")
mkdir -p "$copy/samples"
B=$TMP/out
# What is compiled again is only counted: the second half takes the objects that are there for new ones.
cat >"$TMP/cc" <<'SH'
#!/bin/sh
if [ "$STAMP_ONLY" ]; then
	before=; for word; do
		case $before in -o) out=$word ;; esac
		before=$word
	done
	case " $* " in *" -c "*) touch "$out"; exit ;; esac
fi
exec gcc "$@"
SH
chmod +x "$TMP/cc"
make() { command make CC="$TMP/cc" "$@"; }
mk() { make -C "$copy" --no-print-directory O="$B" CFLAGS=-O0 "$@" 2>&1; }
has() { nm "$1" | grep -qw "$2"; }

files() { (cd "$copy" && find . | sort); }
before=$(files)
mk -j2 all >"$TMP/log" || { fail "makefile: builds" "$(tail -5 "$TMP/log" | tr '\n' '|')"; exit 1; }
ok "makefile: builds with O="
equal "makefile: the source stays clean" "$(files)" "$before"
equal "makefile: nothing to do the second time" "$(mk all)" ""

for half in preload analyzer/util; do
	name=$(basename $half)
	case $half in preload) out=$B/librefgraph.so ;; *) out=$B/refgraph ;; esac
	printf 'int added_by_test(void);\n__attribute__((used, noinline, section(".keep"))) int added_by_test(void) { return 41; }\n' >"$copy/$half/zz_added.c"
	# the shim drops unused sections: a constructor that nobody can drop stands for real code
	printf 'static __attribute__((constructor, used)) void added_start(void) { __asm__ volatile("nop"); }\n' >>"$copy/$half/zz_added.c"
	mk all >/dev/null
	check "makefile: $name: an added source is linked" has "$out" added_start
	rm "$copy/$half/zz_added.c"
	mk all >/dev/null
	if has "$out" added_start; then fail "makefile: $name: a deleted source is gone" "still linked"; else ok "makefile: $name: a deleted source is gone"; fi
done

# one object for one touched source, its users for a touched header, everything for changed flags
export STAMP_ONLY=1
one=$(cd "$copy" && ls analyzer/util/*.c | head -1)
touch "$copy/$one"
equal "makefile: a touched source compiles alone" "$(mk all | grep -c '  CC ')" 1
touch "$copy/include/refgraph_dump.h"
n=$(mk all | grep -c '  CC ')
users=$(find "$B" -name '*.d' -path '*/preload/*' -o -name '*.d' -path '*/analyzer/*' | xargs grep -l 'include/refgraph_dump\.h' | wc -l)
equal "makefile: a touched header compiles its users" "$n" "$users"
php=$(command -v php-config >/dev/null && echo 'preload/php/*.c')
all=$(cd "$copy" && ls analyzer/*.c analyzer/*/*.c preload/*.c preload/adapters/*.c preload/hooks/*.c $php 2>/dev/null | wc -l)
equal "makefile: other flags compile everything" "$(make -C "$copy" --no-print-directory O="$B" CFLAGS='-O0 -DOTHER' all 2>&1 | grep -c '  CC ')" "$all"
check "makefile: V=1 shows commands" sh -c "touch '$copy/$one'; make CC='$TMP/cc' -C '$copy' O='$B' V=1 CFLAGS='-O0 -DOTHER' all | grep -q -- '-std=gnu17'"

# install into DESTDIR, then uninstall
D=$TMP/dest
make -C "$copy" --no-print-directory O="$B" CFLAGS='-O0 -DOTHER' DESTDIR="$D" PREFIX=/usr install >"$TMP/log" 2>&1 ||
	fail "makefile: install" "$(tail -3 "$TMP/log" | tr '\n' '|')"
got=$(cd "$D" && find . -type f ! -path '*/man/*' ! -path '*/rules/*' ! -path '*/adapters/refgraph-php-API*.so' | sort | tr '\n' ' ')
equal "makefile: installs" "$got" "./usr/bin/refgraph ./usr/include/refgraph.h ./usr/lib/refgraph/librefgraph.so ./usr/share/bash-completion/completions/refgraph "
equal "makefile: installs every page" "$(find "$D" -path '*/man/*' -type f | wc -l)" "$(ls "$copy"/man/*.[1-9] | wc -l)"
equal "makefile: installs every file of rules" "$(find "$D/usr/lib/refgraph/rules" -type f | wc -l)" "$(ls "$copy"/rules/*.rules | wc -l)"
check "makefile: the installed refgraph finds its shim" sh -c "cd / && '$D/usr/bin/refgraph' run -- /bin/true"
make -C "$copy" --no-print-directory O="$B" CFLAGS='-O0 -DOTHER' DESTDIR="$D" PREFIX=/usr uninstall >"$TMP/log" 2>&1
equal "makefile: uninstall leaves no file" "$(find "$D" -type f)" ""
mk clean >/dev/null
[ -e "$B" ]; equal "makefile: clean" $? 1
targets=$(mk help | sed -n 's/^make \([a-z-]*\) .*/\1/p' | tr '\n' ' ')
for t in demo check check-long bench lint deps install clean; do
	case " $targets " in *" $t "*) ;; *) fail "makefile: help names $t" "«$targets»" ;; esac
done
ok "makefile: help"
exit $failed
