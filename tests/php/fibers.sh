#!/usr/bin/env bash
# Fibers: what each runs, which hold an object and how, which nobody can resume; what the collector would do about it.
. "$(dirname "$0")/../lib.sh"
D=$TMP/fib.rgd
shim env REFGRAPH_DUMP=fib.rgd REFGRAPH_SIGNAL=USR2 php8.2 "$ROOT/tests/php/programs/fibers.php" "$D" >"$TMP/out" 2>&1
equal "fibers: the program ends as ever" "$? $(cat "$TMP/out")" "0 "
rows() { "$REFGRAPH" "$@" --json 2>/dev/null | /usr/bin/python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    print(*(r.get(k) or "" for k in sys.argv[1].split(",")), sep="|")' "$columns"; }
columns=runs,in,waits_for
equal "fibers: each with its function, the innermost one, and who can resume it" "$(rows tasks "$D")" "fetch(), suspended|inner()|
fetch(), suspended|inner()|
fetch(), suspended|inner()|
{closure}(), suspended|{closure}()|nobody: unreachable"
columns=kind,runs,holds,path
equal "fibers: which holds the first payload" "$(rows tasks 'Payload[0]' "$D")" 'task|fetch(), suspended|1|$payload'
equal "fibers: which holds the last one" "$(rows tasks 'Payload[-1]' "$D")" 'task|{closure}(), suspended|1|$held'
why=$("$REFGRAPH" why 'Payload[0]' "$D" 2>&1)
contains "fibers: the way through the scheduler and the fiber's frame" "$why" "\$GLOBALS['s']->fibers[0]:\$payload"
contains "fibers: the inner frame is named" "$why" "\$GLOBALS['s']->fibers[0]:inner(): \$copy[0]"
contains "fibers: nobody holds the zombie" "$("$REFGRAPH" why 'Fiber[-1]' "$D" 2>&1)" "no root reaches it"
columns=fate,type,count
equal "fibers: the collector would close the zombie" "$("$REFGRAPH" collect --json "$D" | grep '"fate"' | grep -c 'unknowable')" 5
columns=type,count
equal "fibers: PHP's own objects are what is counted" "$("$REFGRAPH" count Fiber "$D") $("$REFGRAPH" count Payload "$D") $("$REFGRAPH" count Scheduler "$D")" "4 4 1"
equal "fibers: no native blocks among them" "$("$REFGRAPH" most-common-types --limit 0 "$D" | grep -c 'malloc in')" 0
equal "fibers: every count is explained" "$("$REFGRAPH" audit --fail "$D" >/dev/null 2>&1; echo $?)" 0
exit $failed
