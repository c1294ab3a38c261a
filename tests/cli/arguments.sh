#!/usr/bin/env bash
# The command line around the commands: which word is a dump, where output goes and fails, help, exit statuses.
. "$(dirname "$0")/../lib.sh"
MKDUMP=$O/tests/tools/mkdump
cd "$TMP" || exit 1
status() { "$@" >"$TMP/out" 2>"$TMP/err"; echo $?; }

node() { printf 'type Node module=app runtime=python flags=gc\nrepeat %d i\nobject n{i} Node size=32\nend\n' "$1"; }
node 2 | "$MKDUMP" -o old.rgd
node 3 | "$MKDUMP" -o new.rgd
touch -d '1 hour ago' old.rgd

# ---- dumps
equal "arguments: no dump given: the newest here" "$("$REFGRAPH" count Node 2>err)" 3
equal "arguments: ... and says which" "$(cat err)" "refgraph: reading new.rgd, the newest dump in this folder"
touch a.c; "$REFGRAPH" count a.c >/dev/null 2>err
equal "arguments: a file that is no dump: a hint" "$(head -1 err)" "refgraph: a.c is a file here, but no dump: taken for a name in the dump"
touch old.rgd; touch -d '1 hour ago' new.rgd
equal "arguments: newest by time, not by name" "$("$REFGRAPH" count Node 2>/dev/null)" 2
mkdir empty
equal "arguments: no dump at all: status" "$(cd empty && status "$REFGRAPH" count Node)" 2
contains "arguments: no dump at all: message" "$(cat err)$(cat "$TMP/err")" "no dump given, and no *.rgd in this folder"
cp new.rgd dump
equal "arguments: a dump by its contents, before the type" "$("$REFGRAPH" count dump Node)" 3
equal "arguments: a missing dump" "$(status "$REFGRAPH" count Node ./gone.rgd) $(cat "$TMP/err")" "3 refgraph: ./gone.rgd: cannot open: No such file or directory"
equal "arguments: a last word that can only be a dump" "$(status "$REFGRAPH" info nothing)" 3
equal "arguments: options behind arguments, _ for -" "$("$REFGRAPH" show_most_common_types new.rgd --no_header --limit=1)" "Node 3"
equal "arguments: -- ends options" "$(status "$REFGRAPH" by-type new.rgd -- --limit) $(grep -c "no objects of type '--limit'" "$TMP/err")" "2 1"

# ---- output
equal "arguments: full disk: status" "$("$REFGRAPH" by-type Node new.rgd >/dev/full 2>err; echo $?)" 3
contains "arguments: full disk: message" "$(cat err)" "cannot write the output: No space left on device"
equal "arguments: full disk: --json" "$("$REFGRAPH" info --json new.rgd >/dev/full 2>/dev/null; echo $?)" 3
node 200000 | "$MKDUMP" -o big.rgd
equal "arguments: a reader that leaves early" "$("$REFGRAPH" by-type Node big.rgd --no-header --columns id 2>err | head -1; cat err)" "     #0"
equal "arguments: no colour into a pipe" "$("$REFGRAPH" typestats new.rgd | grep -c $'\033')" 0
equal "arguments: --color=always" "$("$REFGRAPH" typestats new.rgd --color=always | head -1)" $'\033[1mTYPE  COUNT  BYTES'

# ---- help
for c in $("$REFGRAPH" help | sed -nE 's/^  ([a-z][a-z-]+) .*/\1/p'); do
	h=$("$REFGRAPH" help "$c" 2>&1) && [ "$h" = "$("$REFGRAPH" "${c//-/_}" --help 2>&1)" ] &&
		grep -q "^usage: refgraph $c " <<<"$h" && [ "$(awk 'length > 100' <<<"$h")" = "" ] ||
		fail "arguments: help of $c" "$(head -c 200 <<<"$h")"
done
[ $failed = 0 ] && ok "arguments: help of every command, within 100 columns"
equal "arguments: no command: status" "$(status "$REFGRAPH")" 2
contains "arguments: no command: help on standard error" "$(cat "$TMP/err")" "usage: refgraph COMMAND"
equal "arguments: --version" "$("$REFGRAPH" --version | grep -cE '^refgraph [0-9.]+ \(dump format 1\.[0-9]+\)$')" 1

# ---- a dump that is cut while it is mapped: the pages behind its new end raise SIGBUS. The program stands in a full pipe, with
# the edges of its second object still to be decoded.
{
	echo 'type Node runtime=python flags=gc'
	printf 'repeat 150000 i\nobject n{i} Node size={i*7919}\nedge n{i} n{i} attr=a\nend\n'
	printf 'repeat 20000 i\nedge n0 n{i} attr=b\nend\n'
} | "$MKDUMP" --no-zstd -o cut.rgd
equal "arguments: cut while it is read" "$(python3 - "$REFGRAPH" <<'PY'
import os, subprocess, sys
p = subprocess.Popen([sys.argv[1], "show", "#0", "#149999", "cut.rgd", "--limit", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
p.stdout.read(1)
os.truncate("cut.rgd", 100)
out, err = p.communicate(timeout=60)
print(p.returncode, err.decode().strip())
PY
)" "3 refgraph: a file was cut short while it was read"
exit $failed
