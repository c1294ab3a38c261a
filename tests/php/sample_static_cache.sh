#!/usr/bin/env bash
# samples/php/static_cache.php: objects that refer to each other, kept by a static member.
. "$(dirname "$0")/../php_tests.sh"
php_sample static_cache
take 1; go_on; take 2
equal "static_cache: counts" "$(rg count Repository 1.rgd) $(rg count Row 1.rgd) $(rg count Repository 2.rgd) $(rg count Row 2.rgd)" "10 50 20 100"
equal "static_cache: path" "$(path 'Row[0]' 1.rgd)" "Repository::\$instances['tenant0']->rows[0]"
equal "static_cache: the chain begins at the class" "$(rg find-backref-chain --columns edge,type --no-header 'Row[0]' 1.rgd | head -1 | tr -s ' ' | sed 's/ $//')" "Repository class"
equal "static_cache: cycles" "$(rg cycles 1.rgd | grep Repository | tr -s ' ' | cut -d' ' -f1-3,8-12)" "live 10 70 Repository->rows -> array[] -> Row->owner"
finish
exit $failed
