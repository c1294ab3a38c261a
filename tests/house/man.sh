#!/usr/bin/env bash
# The manual and the programs say the same: every command has a page, every option of --help is in it and the other way
# round, every REFGRAPH_* variable of the shim's table is in librefgraph(7); mandoc finds nothing to say.
. "$(dirname "$0")/../lib.sh"
man=$ROOT/man

lint=$(mandoc -T lint -W warning "$man"/*.[157] 2>&1)
if [ -z "$lint" ]; then ok "man: mandoc -T lint"; else fail "man: mandoc -T lint" "$(head -5 <<<"$lint" | tr '\n' '|')"; fi

# option names as the program prints them, and as a page lists them (Fl as the first thing of an It)
options_of_help() { "$REFGRAPH" "$1" --help 2>&1 | sed -nE 's/^ {0,8}(-[A-Za-z], |    )?--([a-z-]+).*/\2/p' | sort -u; }
options_of_page() { sed -nE 's/^\.It Fl (.*)/\1/p' "$1" | grep -oE '(^| )-[a-z][a-z-]+' | sed -E 's/^ ?-//' | sort -u; }

commands=$("$REFGRAPH" help | sed -nE '/^commands:/,/^$/s/^  ([a-z][a-z-]+) .*/\1/p')
n=$(wc -w <<<"$commands")
if [ "$n" -ge 20 ]; then ok "man: $n commands in refgraph help"; else fail "man: commands in refgraph help" "only $n: «$commands»"; fi
for c in $commands; do
	[ "$c" = help ] && continue
	page=$man/refgraph-$c.1
	if [ ! -f "$page" ]; then fail "man: $c has a page" "no $page"; continue; fi
	help=$(options_of_help "$c"); text=$(options_of_page "$page")
	missing=$(comm -23 <(echo "$help") <(echo "$text") | tr '\n' ' ')
	extra=$(comm -13 <(echo "$help") <(echo "$text") | tr '\n' ' ')
	if [ -z "${missing// /}${extra// /}" ]; then ok "man: options of $c"; else fail "man: options of $c" "not in the page: $missing; not in --help: $extra"; fi
	grep -q "^\.It Xr refgraph-$c 1" "$man/refgraph.1" || fail "man: refgraph(1) names $c" "no .Xr"
done
for page in "$man"/refgraph-*.1; do
	c=$(basename "$page" .1); c=${c#refgraph-}
	grep -qxF -- "$c" <<<"$commands" || fail "man: $(basename "$page") is of a command" "refgraph help has no $c"
done

# what a table can print, its page explains
for f in "$ROOT"/analyzer/cmd/*.c; do
	columns=$(sed -nE 's/^[[:space:]]*\[[A-Z_]+\] = \{ ?"([a-z_]+)", ("[^"]*"|NULL), CELL_.*/\1/p' "$f")
	[ -n "$columns" ] || continue
	n=0
	for page in "$man"/refgraph-*.1; do
		for c in $columns; do grep -qE "^\.It Li $c( |$)" "$page" || continue 2; done
		n=$((n + 1))
	done
	if [ $n -ge 1 ]; then ok "man: columns of $(basename "$f") in $n pages"; else fail "man: columns of $(basename "$f")" "no page has all of: $(echo $columns)"; fi
done

# references lead somewhere
for x in $(sed -nE 's/^\.Xr ((lib)?refgraph[a-z-]*) ([157]).*/\1.\3/p' "$man"/*.[157] | sort -u); do
	[ -f "$man/$x" ] || fail "man: references" "$x does not exist"
done
ok "man: references"

vars=$(grep -ohE '"REFGRAPH(_[A-Z_]+)?"' "$ROOT"/preload/config.c | tr -d '"' | grep -v TEST_ | sort -u)
n=$(wc -w <<<"$vars")
if [ "$n" -ge 15 ]; then ok "man: $n variables in config.c"; else fail "man: variables in config.c" "only $n"; fi
documented=$(sed -nE 's/^\.It Ev (REFGRAPH[A-Z_]*).*/\1/p' "$man/librefgraph.7" | sort -u)
equal "man: variables of librefgraph(7)" "$(echo $documented)" "$(echo $vars)"

# the format's page names every section of the header
for s in $(sed -nE 's/^\tRGD_SEC_([A-Z]+) = .*/\1/p' "$ROOT/include/refgraph_dump.h"); do
	[ "$s" = TOC ] || grep -qE "^\.Ss [0-9]+ $s$" "$man/refgraph-dump.5" || fail "man: refgraph-dump(5) has $s" "no such section"
done
ok "man: sections of refgraph-dump(5)"
keys=$(grep -rohE 'meta[a-z_]*\([^"]*"[a-z_.]+"' "$ROOT/preload" --include='*.c' | sed -E 's/.*"([a-z_.]+)"/\1/' | sort -u)
n=$(wc -w <<<"$keys")
if [ "$n" -ge 8 ]; then ok "man: $n META keys in the shim"; else fail "man: META keys in the shim" "only $n"; fi
for k in $keys; do
	grep -qE "^\.It Li $k( |$)" "$man/refgraph-dump.5" || fail "man: META key $k" "not in refgraph-dump(5)"
done
exit $failed
