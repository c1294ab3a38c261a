#!/usr/bin/env bash
# phpunit suites that nobody here wrote, as their authors ship them, on Debian's packages: twig, five components of symfony, composer. Plain,
# and with allocation sites and with whole stacks, a snapshot each second: the same cases pass and fail, with the same assertions. Then
# the last dump of each is read.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
components="Yaml ExpressionLanguage OptionsResolver EventDispatcher CssSelector"
[ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends phpunit phpab php-twig php-psr-container \
	php-symfony-phpunit-bridge php-symfony-yaml php-symfony-event-dispatcher php-symfony-options-resolver php-symfony-css-selector \
	php-symfony-expression-language php8.2-mbstring php8.2-xml php8.2-zip composer pkg-php-tools git dpkg-dev >/dev/null 2>&1
echo "deb-src http://deb.debian.org/debian bookworm main" >sources.list
mkdir lists dumps
apt="apt-get -q -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=$TMP/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$TMP/lists"
$apt update >apt.log 2>&1 && $apt source --download-only php-twig symfony composer >>apt.log 2>&1 || { skip "PHP's suites" "no sources: $(tail -n 1 apt.log)"; exit 0; }
for f in *.orig.tar.*; do tar xf "$f"; done

on_exit=1
# suite NAME MODE FOLDER: phpunit's own record of every case, without the times
suite() {
	local env=()
	case $2 in
	site | full) env=(LD_PRELOAD="$SHIM" REFGRAPH_PHP_STACKS="$2" REFGRAPH_EVERY=1s REFGRAPH_ON_EXIT="$on_exit" REFGRAPH_DIR="$TMP/dumps" REFGRAPH_DUMP="$1.$2.%e.%n.rgd") ;;
	esac
	(cd "$3" && env "${env[@]}" SYMFONY_DEPRECATIONS_HELPER=disabled nice -n 10 timeout 1500 phpunit "${arguments[@]}" \
		--log-junit "$TMP/$1.$2.xml" >"$TMP/$1.$2.out" 2>&1)
	echo "status $?" >"$1.$2.cases"
	sed -E 's/ time="[^"]*"//g; s/0x[0-9a-f]+/ADDRESS/g' "$1.$2.xml" >>"$1.$2.cases"
}
# all_ways NAME FOLDER LEAST: and compared
all_ways() {
	for mode in plain site full; do suite "$1" $mode "$2"; done
	for mode in site full; do equal "$1: the same cases pass and fail, $mode" "$(diff "$1.plain.cases" "$1.$mode.cases" | head -n 10)" ""; done
	n=$(grep -c '<testcase ' "$1.plain.cases")
	[ "$n" -ge "$3" ] && ok "$1: $n cases" || fail "$1: at least $3 cases" "$n: $(tail -n 3 "$1.plain.out" | tr '\n' '|')"
	for mode in site full; do
		last=$(ls -t dumps/"$1.$mode".php*.rgd 2>/dev/null | head -n 1)
		check "$1: the last dump is whole, $mode" "$REFGRAPH" check "$last"
		n=$("$REFGRAPH" count array "$last" 2>/dev/null || true)
		[ "${n:-0}" -gt 100 ] && ok "$1: arrays in it, $mode" || fail "$1: arrays in it, $mode" "$n"
	done
	rm -f dumps/*
}
both() { # NAME FOLDER AUTOLOADER LEAST
	phpab --tolerant -o "$TMP/$1.tests.php" "$2" >/dev/null 2>&1
	printf '<?php require_once "%s"; require_once "/usr/share/php/Symfony/Bridge/PhpUnit/autoload.php"; require_once "%s";\n' "$3" "$TMP/$1.tests.php" >"$1.boot.php"
	arguments=(--no-configuration --bootstrap "$TMP/$1.boot.php" .)
	all_ways "$1" "$2" "$4"
}
both twig "$(echo "$TMP"/php-twig-*/tests)" /usr/share/php/Twig/autoload.php 1500
for c in $components; do
	both "$c" "$(echo "$TMP"/symfony-*/src/Symfony/Component/"$c"/Tests)" "/usr/share/php/Symfony/Component/$c/autoload.php" 50
done
# composer's own, prepared as the package's test does; what asks the network is left out
dpkg-source --no-check -x composer_*.dsc composer >/dev/null 2>&1
prepare=$(sed -n 's/^Test-Command: //p' composer/debian/tests/control)
(cd composer && bash -c "${prepare%&& phpunit*}") >composer.log 2>&1
arguments=(--exclude-group remote,git) on_exit=0 # it starts a thousand small programs
all_ways composer "$TMP/composer" 2000
exit $failed
