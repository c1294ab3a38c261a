# tests/php_tests.sh - sourced by tests/php/*.sh: php8.2 without an ini file, skipped where it or the adapter is missing.
. "$(dirname "${BASH_SOURCE[0]}")/sample.sh"
PHP=$(command -v php8.2)
if [ -z "$PHP" ]; then skip "$(basename "$0" .sh)" "php8.2 is not installed"; exit 0; fi
if ! ls "$(dirname "$SHIM")"/adapters/refgraph-php-*.so >/dev/null 2>&1; then skip "$(basename "$0" .sh)" "built without php8.2-dev"; exit 0; fi
# php_sample NAME: starts samples/php/NAME.php
php_sample() { start "$PHP" -n "$SAMPLES/php/$1.php"; }
# path SELECTOR DUMP: the line of `why` that spells the whole path
path() { rg why "$1" "$2" | sed -n 2p; }
# field SELECTOR DUMP NAME: of `show`
field() { rg show "$1" "$2" | sed -nE "0,/^  $3 +/s/^  $3 +(.*)/\1/p"; }
