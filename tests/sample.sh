# tests/sample.sh - sourced by tests/cli/sample_*.sh: starts a sample under the shim, takes dumps at the instants at which it
# waits, and reads answers. A sample prints "ready PID ..." and waits for a line on its standard input.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
SAMPLES=$ROOT/samples
PY=/usr/bin/python3
cd "$TMP" || exit 1

# start COMMAND...: under `refgraph run`; sets pid
start() {
	mkfifo "$TMP/stdin"
	"$REFGRAPH" run -- "$@" <"$TMP/stdin" >"$TMP/stdout" 2>"$TMP/stderr" &
	sample=$!; test_pids+=("$sample")
	exec 9>"$TMP/stdin"
	steps=0
	await
}
# await: until the sample is ready once more
await() {
	steps=$((steps + 1))
	if ! wait_for 30 sh -c "[ \$(grep -c '^ready ' '$TMP/stdout') -ge $steps ]"; then
		fail "$(basename "$0" .sh): ready" "stdout: $(tail -3 "$TMP/stdout" | tr '\n' '|') stderr: $(tail -3 "$TMP/stderr" | tr '\n' '|')"
		exit 1
	fi
	pid=$(grep '^ready ' "$TMP/stdout" | tail -1 | cut -d' ' -f2)
}
# go_on: lets it take its next step
go_on() { echo >&9; await; }
# take NAME [PID]: a dump $TMP/NAME.rgd
take() {
	rm -f "$1.rgd"
	if ! "$REFGRAPH" snapshot "${2:-$pid}" -o "$1.rgd" >"$TMP/snapshot.out" 2>&1; then
		fail "$(basename "$0" .sh): snapshot $1" "$(tail -2 "$TMP/snapshot.out" | tr '\n' '|')"; exit 1
	fi
}
# finish: the sample ends by itself, with status 0 and nothing on standard error
finish() {
	echo >&9; exec 9>&-
	wait "$sample"
	equal "$(basename "$0" .sh): ends with status 0" $? 0
	equal "$(basename "$0" .sh): nothing on standard error" "$(cat "$TMP/stderr")" ""
}
rg() { "$REFGRAPH" "$@" 2>>"$TMP/rg.err"; }
# chain ARG...: the chain as text in the file chain, its types in chain_types
chain() {
	rg find-backref-chain "$@" >chain
	chain_types=$(rg find-backref-chain --columns type --no-header "$@" | sed 's/ *$//' | tr '\n' ',')
}
# dot_nodes FILE, dot_edges FILE: one line a node "label", one line an edge "from -> to label", sorted; stubs and notes too.
# Read with Graphviz itself.
dot_lines() {
	dot -Tdot_json "$1" 2>/dev/null | /usr/bin/python3 -c '
import json, sys
text = sys.stdin.read()
g = json.loads(text or "{}")
name = {}
nodes, edges = [], []
for o in g.get("objects", []):
    label = o.get("label", o["name"]).replace("\\N", o["name"]).replace("\\n", "|").replace("\\l", "|").replace("\n", "|").strip("| ")
    name[o["_gvid"]] = label
    nodes.append("%s%s" % (label, " (red)" if o.get("fontcolor") == "red" else ""))
for e in g.get("edges", []):
    edges.append("%s -> %s: %s" % (name[e["tail"]], name[e["head"]], e.get("label", "").strip()))
print("\n".join(sorted(nodes if sys.argv[1] == "nodes" else edges)))' "$2"
}
dot_nodes() { dot_lines "$1" nodes; }
dot_edges() { dot_lines "$1" edges; }
