#!/usr/bin/env bash
# samples/php/array_cycle.php: arrays that contain each other by reference; the collector agrees with `refgraph collect`.
. "$(dirname "$0")/../php_tests.sh"
php_sample array_cycle
take 1; go_on; take 2
equal "array_cycle: PHP collects" "$(sed -n 's/^collected //p' "$TMP/stdout")" 120
contains "array_cycle: collect says so before" "$(rg collect 1.rgd | head -1)" "it would return 120"
equal "array_cycle: what it frees" "$(rg collect 1.rgd | sed -nE 's/^freed +(array|reference|Payload) +([0-9]+) .*/\1 \2/p' | sort | tr '\n' ' ')" "Payload 20 array 100 reference 20 "
equal "array_cycle: the cycles" "$(rg cycles 1.rgd | grep '^garbage' | tr -s ' ' | cut -d' ' -f1-3)" "garbage 20 120"
contains "array_cycle: nothing after" "$(rg collect 2.rgd | head -1)" "it would return 0"
equal "array_cycle: no Payload is left" "$(rg count Payload 2.rgd)" 0
finish
exit $failed
