#!/usr/bin/env bash
# Test suites that nobody here wrote, as their authors ship them, on the packaged binaries: jq's and Tcl's. Plain, and with every
# block's whole stack followed and a snapshot each second: the same tests pass and fail. Then the last dump is read.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
[ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends jq tcl8.6 tzdata >/dev/null 2>&1

# The sources' suites; the list of packages of this machine stays as it is.
echo "deb-src http://deb.debian.org/debian bookworm main" >sources.list
mkdir lists
apt="apt-get -q -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=$TMP/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$TMP/lists"
$apt update >apt.log 2>&1 && $apt source --download-only jq tcl8.6 >>apt.log 2>&1 || { skip upstream "no sources: $(tail -n 1 apt.log)"; exit 0; }
for f in *.orig.tar.*; do tar xf "$f"; done
jq=$(echo "$TMP"/jq-*/) tcl=$(echo "$TMP"/tcl8*/)
ln -s "$(command -v jq)" "$jq/jq"

# followed COMMAND...: under the shim, with whole stacks and a snapshot each second
followed() {
	env LD_PRELOAD="$SHIM" REFGRAPH_STACKS=exact REFGRAPH_EVERY=1s REFGRAPH_ON_EXIT=1 REFGRAPH_DIR="$TMP/dumps" \
		REFGRAPH_DUMP='%e.%p.%n.rgd' "$@"
}
plain() { "$@"; }

# In jq's suite a jq lives for milliseconds: it is the test of start and end. Its own words, without what differs by the minute.
jq_suite() { # MODE
	for t in jqtest onigtest shtest utf8test base64test; do
		echo "== $t"
		NO_VALGRIND=1 "$1" "$jq/tests/$t" 2>&1 | sed -E 's|/tmp/jq[A-Za-z0-9]+|DIR|g'
		echo "status ${PIPESTATUS[0]}"
	done
}

# Values, strings, code, objects, coroutines, compression; not what waits for clocks and sockets.
tcl_files="append.test apply.test assemble.test autoMkindex.test basic.test binary.test cmdAH.test cmdIL.test cmdMZ.test compile.test
concat.test coroutine.test dict.test encoding.test env.test error.test eval.test execute.test expr-old.test expr.test fCmd.test
foreach.test format.test get.test history.test if.test incr.test indexObj.test info.test init.test interp.test join.test lindex.test
link.test linsert.test list.test listObj.test llength.test lmap.test load.test lrange.test lrepeat.test lreplace.test lsearch.test
lset.test mathop.test misc.test msgcat.test namespace.test nre.test obj.test oo.test ooNext2.test opt.test package.test parse.test
parseExpr.test parseOld.test pkg.test proc.test rename.test result.test safe.test scan.test set.test
split.test stack.test string.test stringComp.test stringObj.test subst.test switch.test tailcall.test trace.test unknown.test uplevel.test
upvar.test utf.test util.test var.test while.test zlib.test"
# cmdIL-5.7 limits its address space to what it has and 80 MB more: what follows blocks needs some of that (librefgraph(7)).
tcl_suite() { # MODE
	cd "$tcl/tests" || exit
	# shellcheck disable=SC2086
	"$1" tclsh8.6 all.tcl -singleproc 1 -skip cmdIL-5.7 -verbose "pass body error" -file "$(echo $tcl_files)" 2>&1 |
		sed -nE 's/^(\+\+\+\+|====) ([^ ]+) (PASSED|FAILED|.*FAILED)$/\2 \3/p; /^all.tcl:.*Total/p'
	cd "$TMP" || exit
}

mkdir dumps
for suite in jq tcl; do
	for mode in plain followed; do nice -n 10 timeout 3000 bash -c "$(declare -f plain followed jq_suite tcl_suite)
		SHIM='$SHIM' TMP='$TMP' jq='$jq' tcl='$tcl' tcl_files='$tcl_files'; ${suite}_suite $mode" >"$suite.$mode" 2>&1; done
	equal "$suite: the same tests pass and fail" "$(diff $suite.plain $suite.followed | head -n 20)" ""
done
equal "jq: its suite passes" "$(grep -c '^status 0' jq.plain)" 5
passed=$(sed -nE 's/.*Passed[[:space:]]+([0-9]+).*/\1/p' tcl.plain)
[ "${passed:-0}" -gt 14000 ] && ok "Tcl: $passed tests" || fail "Tcl: many tests" "$(tail -n 2 tcl.plain)"
taken=$(find dumps -name 'tclsh*.rgd' | wc -l) started=$(find dumps -name 'jq*.rgd' | wc -l)
[ "$taken" -ge 3 ] && ok "snapshots of Tcl: $taken" || fail "snapshots of Tcl" "$taken"
[ "$started" -ge 100 ] && ok "snapshots of jq: $started" || fail "snapshots of jq" "$started"
bad=0
for d in $(find dumps -name '*.rgd' | sort | awk 'NR % 25 == 1'); do "$REFGRAPH" check "$d" >check.out 2>&1 || { bad=1; cat check.out; }; done
equal "the dumps are sound" $bad 0
last=$(find dumps -name 'tclsh*.rgd' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
[ "$("$REFGRAPH" stacks "$last" --json --limit 1 | grep -c 'libtcl8.6')" = 1 ] && ok "whole stacks name libtcl" || fail "whole stacks name libtcl" "$("$REFGRAPH" stacks "$last" --limit 3)"
exit $failed
