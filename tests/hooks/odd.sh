#!/usr/bin/env bash
# The hook engine where things are not as usual: see odd.c.
. "$(dirname "$0")/../lib.sh"
here=$ROOT/tests/hooks
cd "$TMP" || exit 1
printf 'ODD_1 { global: odd_versioned; };\nODD_2 { global: odd_*; } ODD_1;\n' >odd.map

libraries() { # NAME FLAGS...
	local name=$1; shift
	mkdir -p "$name"
	gcc -O2 -g -fPIC -shared "$@" -Wl,--version-script=odd.map -o "$name/libodd.so" "$here/odd_lib.c" &&
		gcc -O2 -g -fPIC -shared "$@" -o "$name/libcaller.so" "$here/odd_caller.c" -L"$name" -lodd || fail "odd: $name builds" "see above"
}
program() { # NAME FLAGS...
	local name=$1; shift
	gcc -O1 -g -w -D_GNU_SOURCE "$@" -I"$ROOT/preload" -o "$name" "$here/odd.c" -Lplain -lcaller -lodd -ldl -lpthread || { fail "odd: $name builds" "see above"; exit 1; }
}
run() { # LIBRARIES COMMAND...
	local name=$1 status; shift
	LD_LIBRARY_PATH=$TMP/$name timeout 60 "$@" >out 2>&1; status=$?
	sed "s/odd: /odd, $name: /" out
	grep -q '^not ok' out && failed=1
	if [ $status -gt 1 ]; then fail "odd, $name: ends" "status $status: $(tail -2 out | tr '\n' '|')"; fi
}
libraries plain -Wl,-z,now
libraries lazy -Wl,-z,lazy -fplt
libraries noplt -fno-plt -fcf-protection=full
libraries bsymbolic -Wl,-Bsymbolic
program odd
program odd-nopie -no-pie -Wl,-z,norelro
for way in plain lazy noplt bsymbolic; do run $way ./odd calls; done
run plain ./odd-nopie calls
mkdir fresh; cp plain/libodd.so fresh/odd_fresh.so; cp noplt/libodd.so fresh/odd_fresh2.so
run plain ./odd loop "$TMP/fresh/odd_fresh.so"
run noplt ./odd loop "$TMP/fresh/odd_fresh2.so"
for what in threads wide itself hardened forbidden; do run plain ./odd $what; done
exit $failed
