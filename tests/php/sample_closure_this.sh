#!/usr/bin/env bash
# samples/php/closure_this.php: a closure that binds $this without need.
. "$(dirname "$0")/../php_tests.sh"
php_sample closure_this
take 1
equal "closure_this: count" "$(rg count Report 1.rgd)" 10
equal "closure_this: path" "$(path 'Report[0]' 1.rgd)" "\$GLOBALS['cache'][0]:\$this"
closure=$(rg find-backref-chain --columns id --no-header 'Report[0]' 1.rgd | sed -n 3p | tr -d ' ')
equal "closure_this: what the closure holds" "$(rg referents --columns edge,type --no-header "$closure" 1.rgd | tr -s ' ' | sed 's/ $//' | sort | grep -vE ' (storage|array data|table)$|^name ' | tr '\n' ';')" "\$this Report;use (\$title) string;"
equal "closure_this: and what it is" "$(field "$closure" 1.rgd name) $(basename "$(field "$closure" 1.rgd file)") $(field "$closure" 1.rgd line)" "{closure}() closure_this.php 28"
finish
exit $failed
