#!/usr/bin/env bash
# phpunit suites that nobody here wrote, as their authors ship them, on Debian's packages: twig and five components of symfony. Plain,
# and with allocation sites and with whole stacks, a snapshot each second: the same cases pass and fail, with the same assertions. Then
# the last dump of each is read.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
components="Yaml ExpressionLanguage OptionsResolver EventDispatcher CssSelector"
[ "$(id -u)" != 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends phpunit phpab php-twig php-psr-container \
	php-symfony-phpunit-bridge php-symfony-yaml php-symfony-event-dispatcher php-symfony-options-resolver php-symfony-css-selector \
	php-symfony-expression-language php8.2-mbstring php8.2-xml >/dev/null 2>&1
echo "deb-src http://deb.debian.org/debian bookworm main" >sources.list
mkdir lists dumps
apt="apt-get -q -o APT::Sandbox::User=root -o Dir::Etc::sourcelist=$TMP/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$TMP/lists"
$apt update >apt.log 2>&1 && $apt source --download-only php-twig symfony >>apt.log 2>&1 || { skip "PHP's suites" "no sources: $(tail -n 1 apt.log)"; exit 0; }
for f in *.orig.tar.*; do tar xf "$f"; done

# suite NAME MODE FOLDER: phpunit's own record of every case, without the times
suite() {
	local env=()
	case $2 in
	site | full) env=(LD_PRELOAD="$SHIM" REFGRAPH_PHP_STACKS="$2" REFGRAPH_EVERY=1s REFGRAPH_ON_EXIT=1 REFGRAPH_DIR="$TMP/dumps" REFGRAPH_DUMP="$1.$2.%e.%n.rgd") ;;
	esac
	(cd "$3" && env "${env[@]}" SYMFONY_DEPRECATIONS_HELPER=disabled nice -n 10 timeout 1500 phpunit --no-configuration \
		--bootstrap "$TMP/$1.boot.php" --log-junit "$TMP/$1.$2.xml" . >"$TMP/$1.$2.out" 2>&1)
	echo "status $?" >"$1.$2.cases"
	sed -E 's/ time="[^"]*"//g; s/0x[0-9a-f]+/ADDRESS/g' "$1.$2.xml" >>"$1.$2.cases"
}
both() { # NAME FOLDER AUTOLOADER LEAST
	phpab --tolerant -o "$TMP/$1.tests.php" "$2" >/dev/null 2>&1
	printf '<?php require_once "%s"; require_once "/usr/share/php/Symfony/Bridge/PhpUnit/autoload.php"; require_once "%s";\n' "$3" "$TMP/$1.tests.php" >"$1.boot.php"
	for mode in plain site full; do suite "$1" $mode "$2"; done
	for mode in site full; do equal "$1: the same cases pass and fail, $mode" "$(diff "$1.plain.cases" "$1.$mode.cases" | head -n 10)" ""; done
	n=$(grep -c '<testcase ' "$1.plain.cases")
	[ "$n" -ge "$4" ] && ok "$1: $n cases" || fail "$1: at least $4 cases" "$n: $(tail -n 3 "$1.plain.out" | tr '\n' '|')"
	for mode in site full; do
		last=$(ls -t dumps/"$1.$mode".php*.rgd 2>/dev/null | head -n 1)
		check "$1: the last dump is whole, $mode" "$REFGRAPH" check "$last"
		n=$("$REFGRAPH" count array "$last" 2>/dev/null || true)
		[ "${n:-0}" -gt 100 ] && ok "$1: arrays in it, $mode" || fail "$1: arrays in it, $mode" "$n"
	done
	rm -f dumps/*
}
both twig "$(echo "$TMP"/php-twig-*/tests)" /usr/share/php/Twig/autoload.php 1500
for c in $components; do
	both "$c" "$(echo "$TMP"/symfony-*/src/Symfony/Component/"$c"/Tests)" "/usr/share/php/Symfony/Component/$c/autoload.php" 50
done
exit $failed
