#!/usr/bin/env bash
# samples/php/fiber_zombie.php: fibers that wait for ever, and what their frames hold.
. "$(dirname "$0")/../php_tests.sh"
php_sample fiber_zombie
take 1
equal "fiber_zombie: counts" "$(rg count Fiber 1.rgd) $(rg count Buffer 1.rgd)" "5 5"
equal "fiber_zombie: path" "$(path 'Buffer[0]' 1.rgd | sed 's/waiting\[[0-4]\]/waiting[N]/')" "\$GLOBALS['scheduler']->waiting[N]:fetch(): \$buffer"
equal "fiber_zombie: state and function" "$(field 'Fiber[0]' 1.rgd state) $(field 'Fiber[0]' 1.rgd name)" "suspended {closure}()"
equal "fiber_zombie: frames" "$(rg show 'Fiber[0]' 1.rgd | sed -nE 's/^  frame +frame ([^ ]*) .*/\1/p' | tr '\n' ' ')" "{closure}() fetch() Fiber::suspend() "
equal "fiber_zombie: lines of the frames" "$(for i in $(rg show 'Fiber[0]' 1.rgd | sed -nE '/^  frame/s/.*(#[0-9]+)$/\1/p'); do field "$i" 1.rgd line; done | tr '\n' ' ')" "55 48 "
finish
exit $failed
