#!/usr/bin/env bash
# The engine's own tests, .phpt of PHP's sources, on Debian's php8.2: generators, fibers, closures, weak references and the collector.
# Plain, and with allocation sites and a snapshot at the end of each process: PHP's run-tests.php has the same verdict on each. Then the dumps are read.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
[ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends php8.2-cli >/dev/null 2>&1
echo "deb-src http://deb.debian.org/debian bookworm main" >sources.list
mkdir lists dumps
apt="apt-get -q -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=$TMP/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$TMP/lists"
$apt update >apt.log 2>&1 && $apt source --download-only php8.2 >>apt.log 2>&1 || { skip "PHP's own tests" "no sources: $(tail -n 1 apt.log)"; exit 0; }
tar xf php8.2_*.orig.tar.xz
cd "$TMP"/php-8.2.* || exit 1

# verdicts MODE [VARIABLE=VALUE...]: "PASSED file", one a line
verdicts() {
	local mode=$1
	shift
	env "$@" TEST_PHP_EXECUTABLE="$(command -v php8.2)" NO_INTERACTION=1 SKIP_ONLINE_TESTS=1 nice -n 10 timeout 1500 php8.2 -n run-tests.php -q \
		--set-timeout 120 -W "$TMP/$mode.list" Zend/tests/{generators,fibers,closures,weakrefs} Zend/tests/gc_*.phpt >"$TMP/$mode.out" 2>&1
	sort "$TMP/$mode.list" >"$TMP/$mode.cases"
}
verdicts plain
verdicts site LD_PRELOAD="$SHIM" REFGRAPH_PHP_STACKS=site REFGRAPH_ON_EXIT=1 REFGRAPH_DIR="$TMP/dumps" REFGRAPH_DUMP="%e.%p.%n.rgd"
cd "$TMP" || exit 1
equal "phpt: the same verdicts" "$(diff plain.cases site.cases | head -n 10)" ""
passed=$(grep -c '^PASSED' plain.cases) all=$(wc -l <plain.cases) taken=$(find dumps -name 'php8.2*.rgd' | wc -l)
[ "$passed" -ge 290 ] && ok "phpt: $passed of $all pass without us" || fail "phpt: 290 pass without us" "$passed of $all: $(tail -n 5 plain.out | tr '\n' '|')"
[ "$taken" -ge "$passed" ] && ok "phpt: $taken dumps" || fail "phpt: a dump of each" "$taken, $passed passed"
equal "phpt: all dumps are whole" "$(for d in dumps/*.rgd; do "$REFGRAPH" check "$d" >/dev/null 2>&1 || echo "$d"; done | head -n 5)" ""
exit $failed
