#!/usr/bin/env bash
# Keys of arrays are contents: names are shown, others only with REFGRAPH_VALUES.
. "$(dirname "$0")/../php_tests.sh"
cat >keys.php <<'END'
<?php
class Mark {}
$a['someone@' . 'example.org' . getmypid()] = new Mark;
$a['plain_name'] = new Mark;
$a['App\Event\Saved'] = new Mark;
$a[7] = new Mark;
$a[getmypid() * 1000000] = new Mark;
echo 'ready ', getmypid(), "\n";
fgets(STDIN);
END
keys() { rg referrers --columns edge --no-header Mark "$1" | sed "s/ *$//; s/$pid/PID/g" | LC_ALL=C sort -u | tr '\n' ';'; }
start "$PHP" -n keys.php
take 1
equal "privacy: keys without values" "$(keys 1.rgd)" "['App\Event\Saved'];['plain_name'];['…'];[7];[…];"
finish
rm stdin stdout
export REFGRAPH_VALUES=1
start "$PHP" -n keys.php
take 2
equal "privacy: keys with values" "$(keys 2.rgd)" "['App\Event\Saved'];['plain_name'];[7];[PID000000];[someone@example.orgPID];"
finish
exit $failed
