#!/usr/bin/env bash
# Every graph question against its definition on GRAPHS_ROUNDS small graphs (1 000 000) of another seed each time, and the commands
# that ask them on GRAPHS_SEEDS random heaps (1000); and what must hold of the answers at GRAPHS_OBJECTS objects (10 M).
. "$(dirname "$0")/../lib.sh"
rounds=${GRAPHS_ROUNDS:-1000000} seeds=${GRAPHS_SEEDS:-1000} seed=${GRAPHS_SEED:-$RANDOM}
echo "# seed $seed"
status=0
nice -n 10 "$O/tests/unit/graphs_test" "$rounds" "$seed" || status=1
nice -n 10 "$O/tests/unit/dominators_test" "$rounds" || status=1
nice -n 10 "$O/tests/unit/scc_test" "$rounds" || status=1
nice -n 10 "$ROOT/tests/graphs/liveness.py" "$seeds" "$((seed * 1000))" || status=1
nice -n 10 "$ROOT/tests/graphs/differential.py" "$seeds" "$((seed * 1000))" || status=1
for shape in native python random chain; do
	"$O/tests/bench/gen" $shape "${GRAPHS_OBJECTS:-10000000}" --degree 5 --seed "$seed" -o "$TMP/large.rgd" || status=1
	nice -n 10 "$O/tests/bench/properties" "$TMP/large.rgd" "$seed" | sed "s/properties:/properties: $shape:/"
	[ "${PIPESTATUS[0]}" = 0 ] || status=1
done
exit $status
