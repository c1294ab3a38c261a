#!/usr/bin/env bash
# samples/php/event_listener.php: listeners that nobody removes.
. "$(dirname "$0")/../php_tests.sh"
php_sample event_listener
take 1; go_on; take 2
equal "event_listener: growth" "$(rg show-growth --limit 0 1.rgd 2.rgd | grep '^Widget' | tr -s ' ')" "Widget 40 +20"
equal "event_listener: path" "$(path 'Widget[0]' 2.rgd)" "\$GLOBALS['dispatcher']->listeners['change'][0][0]"
equal "event_listener: what cutting one reference frees" "$(rg why 'Widget[0]' 2.rgd | grep -A1 '^to free it' | sed 's/: .*would/: would/' | tr '\n' '|')" "to free it, cut one reference: would go|  \$GLOBALS['dispatcher']->listeners['change'][0][0]|"
finish
exit $failed
