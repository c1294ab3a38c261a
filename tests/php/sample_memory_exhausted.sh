#!/usr/bin/env bash
# samples/php/memory_exhausted.php: an identity map that keeps all there is; the tutorial's commands say who. Here: the frames too.
. "$(dirname "$0")/../lib.sh"
cd "$TMP" || exit 1
out=$("$REFGRAPH" run --on-fatal --dump exhausted.rgd -- php -n -d memory_limit=16M "$ROOT/samples/php/memory_exhausted.php" 2>&1)
case $out in *"Allowed memory size of 16777216 bytes exhausted"*) ok "the error is PHP's own" ;; *) fail "the error is PHP's own" "$out" ;; esac
equal "the owner" "$("$REFGRAPH" find-backref-chain 'Order[5]' exhausted.rgd | awk '{print $1}' | head -2 | tr '\n' ' ')" "IdentityMap ::\$orders "
equal "what ran, with its locals" "$("$REFGRAPH" roots exhausted.rgd --limit 0 | grep -o '^local \$[a-z]* of export() memory_exhausted.php:57' | sort | tr '\n' '|')" \
	'local $order of export() memory_exhausted.php:57|local $orders of export() memory_exhausted.php:57|local $out of export() memory_exhausted.php:57|'
equal "the fix" "$(php -n -d memory_limit=16M "$ROOT/samples/php/memory_exhausted.php" fixed)" "5311164 bytes exported"
exit "$failed"
