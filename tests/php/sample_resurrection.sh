#!/usr/bin/env bash
# samples/php/resurrection.php: destructors that bring their objects back.
. "$(dirname "$0")/../php_tests.sh"
php_sample resurrection
take 1
equal "resurrection: count" "$(rg count Connection 1.rgd)" 3
equal "resurrection: path" "$(path 'Connection[0]' 1.rgd | sed 's/\[[0-2]\]/[N]/')" "Pool::\$free[N]"
equal "resurrection: the destructor ran" "$(for i in 0 1 2; do field "Connection[$i]" 1.rgd flags; done | tr '\n' ';')" "tracked, finalized;tracked, finalized;tracked, finalized;"
"$REFGRAPH" show-backrefs 'Connection[0]' --legend --filename destructor.dot 1.rgd >/dev/null
equal "resurrection: a drawing marks the destructor by PHP's name for it" "$(grep -o '__d[a-z]*' destructor.dot | sort -u)" "__destruct"
finish
exit $failed
