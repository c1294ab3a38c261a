#!/usr/bin/env bash
# The analyzer with AddressSanitizer and UndefinedBehaviorSanitizer: every command over good and damaged dumps ends without
# a finding, and with an exit status that is documented.
. "$(dirname "$0")/../lib.sh"
S=$O/san
if ! make -C "$ROOT" --no-print-directory O="$S" SAN=address,undefined CFLAGS='-O0 -g1' -j2 "$S/refgraph" >"$TMP/build" 2>&1; then
	fail "sanitizer: builds" "$(tail -5 "$TMP/build" | tr '\n' '|')"; exit 1
fi
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99 UBSAN_OPTIONS=halt_on_error=1:exitcode=99:print_stacktrace=1
# Its own runtime must come first, and the shim is not for it.
unset LD_PRELOAD

# dumps to ask about: a fresh one of a Python program, one of a C program, and what tests/dumps keeps
cat >"$TMP/p.py" <<'END'
import sys
class OBJ: pass
def leak():
    a = OBJ(); a.attr = a
leak(); held = [OBJ() for _ in range(5)]
END
LD_PRELOAD=$SHIM REFGRAPH_DIR=$TMP REFGRAPH_DUMP=python.rgd REFGRAPH_ON_EXIT=1 /usr/bin/python3 "$TMP/p.py" </dev/null >/dev/null 2>&1
LD_PRELOAD=$SHIM REFGRAPH_DIR=$TMP REFGRAPH_DUMP=native.rgd REFGRAPH_ON_EXIT=1 /usr/bin/perl -e 'my @a = map { "x$_" } 1..1000;' >/dev/null 2>&1
for d in python native; do [ -s "$TMP/$d.rgd" ] || fail "sanitizer: a dump of $d" "none was written"; done
dumps=("$TMP"/*.rgd)
for d in "$ROOT"/tests/dumps/*.rgd; do [ -f "$d" ] && dumps+=("$d"); done
# damaged: cut short, and bytes changed at places that a fixed sequence chooses
size=$(stat -c %s "$TMP/python.rgd" 2>/dev/null || echo 0)
if [ "$size" -gt 4096 ]; then
	for part in 1 2 3; do head -c $((size * part / 4)) "$TMP/python.rgd" >"$TMP/cut$part.bad"; done
	for i in $(seq 1 12); do
		cp "$TMP/python.rgd" "$TMP/flip$i.bad"
		printf '\xa5' | dd of="$TMP/flip$i.bad" bs=1 seek=$(((size * i * 7919 / 100003) % size)) conv=notrunc status=none
	done
	dumps+=("$TMP"/*.bad)
fi

run=0
one() { # one ARG...: runs it; a finding is a fault of ours
	timeout 120 "$S/refgraph" "$@" >"$TMP/out" 2>"$TMP/err"
	local rc=$?
	run=$((run + 1))
	case $rc in 0 | 1 | 2 | 3) ;; *) fail "sanitizer: refgraph ${*//$TMP\//}" "exit status $rc: $(grep -m3 -E 'ERROR|runtime error|#[0-3] ' "$TMP/err" | tr '\n' '|')" ;; esac
	if grep -qE 'runtime error:|Sanitizer' "$TMP/err"; then fail "sanitizer: refgraph ${*//$TMP\//}" "$(grep -m2 -E 'runtime error|Sanitizer' "$TMP/err" | tr '\n' '|')"; fi
}
for d in "${dumps[@]}"; do
	for c in info check typestats most-common-types show-most-common-types 'count list' 'by-type list' 'at 0x1000' 'show #0' \
		'growth' 'show-growth' 'find-backref-chain list[0]' 'find-ref-chain list[0]' 'most-common-types --json' \
		'typestats --universe all' "count --where size>1k"; do
		# shellcheck disable=SC2086
		set -f; one $c "$d"; set +f
	done
	case $d in *.rgd)
		one growth "$TMP/python.rgd" "$d"
		one show-backrefs 'list[0]' --filename "$TMP/x.dot" "$d"
		one show-refs 'list[0]' --refcounts --extra-info size --filename "$TMP/x.dot" "$d"
		one show-chain 'list[0]' --filename "$TMP/x.dot" "$d"
	esac
done
if [ "$run" -ge 100 ]; then ok "sanitizer: $run runs over ${#dumps[@]} dumps"; else fail "sanitizer: runs" "only $run"; fi
one check "$ROOT"; one info /dev/null; one info "$TMP/does-not-exist"; one frobnicate; one count; one count list
# the build is what it says: a planted overrun is found by the same flags
printf 'int main(int c, char **v) { char *p = __builtin_malloc(4); p[c + 3] = 1; return p[3]; }\n' >"$TMP/plant.c"
gcc -O0 -fsanitize=address,undefined -o "$TMP/plant" "$TMP/plant.c" 2>/dev/null && "$TMP/plant" >/dev/null 2>&1
equal "sanitizer: reports a planted overrun" $? 99
exit $failed
